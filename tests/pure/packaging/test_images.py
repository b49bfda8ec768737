"""What the images promise: few things in the last stage, nobody's root, and a version."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from penstock import __version__
from penstock_operator.adapters.ray.kuberay.pods import RAY_VERSION

ROOT = Path(__file__).parents[3]
IMAGES = ("operator", "gateway", "ray", "quickstart")
OF_OWN_STAGES = IMAGES[:3]
RUNTIME_PACKAGES = {"ca-certificates", "git", "wget", "redis-tools"}
LABELS = {"title", "description", "licenses", "version", "revision"}


@dataclass
class Stage:
    base: str
    name: str | None
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        return [arguments for step, arguments in self.steps if step == instruction]


@dataclass
class Dockerfile:
    arguments: dict[str, str]
    stages: list[Stage]

    @property
    def last(self) -> Stage:
        return self.stages[-1]


def parse(text: str) -> Dockerfile:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found = Dockerfile({}, [])
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        instruction, rest = line.split(maxsplit=1)
        if instruction == "FROM":
            words = rest.split()
            found.stages.append(Stage(words[0], words[2] if len(words) > 1 else None))
        elif not found.stages:
            name, default = rest.split("=", 1)
            found.arguments[name] = default
        else:
            found.stages[-1].steps.append((instruction, " ".join(rest.split())))
    return found


def dockerfile(image: str) -> Dockerfile:
    return parse((ROOT / "images" / image / "Dockerfile").read_text())


def requirements() -> Callable[[str, list[str]], list[str]]:
    spec = importlib.util.spec_from_file_location("requirements", ROOT / "images" / "requirements.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[[str, list[str]], list[str]] = module.requirements
    return found


def test_every_image_is_known() -> None:
    assert {path.parent.name for path in (ROOT / "images").glob("*/Dockerfile")} == set(IMAGES)


@pytest.mark.parametrize("image", IMAGES)
def test_stages_start_from_a_named_version_that_can_be_chosen(image: str) -> None:
    found = dockerfile(image)
    for stage in found.stages:
        assert re.fullmatch(r"\$\{[A-Z]+}", stage.base), f"{stage.base} cannot be given as an argument"
        default = found.arguments[stage.base[2:-1]]
        assert ":" in default, f"{default} names no version"
        assert not default.endswith(":latest")


@pytest.mark.parametrize("image", IMAGES)
def test_the_process_is_a_numbered_user_who_needs_nothing_but_tmp(image: str) -> None:
    found = dockerfile(image)
    assert found.last.all("USER")[-1] == "10001:10001"
    if image in OF_OWN_STAGES:
        environment = dict(pair.split("=", 1) for text in found.last.all("ENV") for pair in shlex.split(text))
        assert environment["HOME"] == "/tmp"
        assert environment["PYTHONDONTWRITEBYTECODE"] == "1"
        assert environment["PATH"].startswith("/opt/penstock/venv/bin:")
        assert found.last.all("STOPSIGNAL") == ["SIGTERM"]


@pytest.mark.parametrize("image", IMAGES)
def test_labels_name_version_and_revision(image: str) -> None:
    found = dockerfile(image)
    pairs = dict(pair.split("=", 1) for text in found.last.all("LABEL") for pair in shlex.split(text))
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in pairs.items()}
    assert set(labels) == LABELS
    assert (labels["version"], labels["revision"]) == ("${VERSION}", "${REVISION}")
    assert found.last.all("ARG") == [f"VERSION={__version__}", "REVISION=unknown"]
    assert found.arguments.get("RAY", f"penstock/ray:{__version__}") == f"penstock/ray:{__version__}"


@pytest.mark.parametrize("image", IMAGES)
def test_the_last_stage_builds_nothing_and_has_no_tool_to(image: str) -> None:
    last = dockerfile(image).last
    for text in last.all("RUN"):
        installed = {
            word
            for command in text.split("&&")
            if "apt-get install" in command
            for word in command.split()[2:]
            if not word.startswith("-")
        }
        assert installed <= RUNTIME_PACKAGES
        if installed:
            assert "--no-install-recommends" in text
            assert "rm -rf /var/lib/apt/lists/*" in text
        assert "pip install" not in text
    if image in OF_OWN_STAGES:
        assert any("pip uninstall" in run and "pip setuptools wheel" in run for run in last.all("RUN"))


@pytest.mark.parametrize("image", IMAGES)
def test_files_come_from_stages_and_stay_roots(image: str) -> None:
    found = dockerfile(image)
    names = {stage.name for stage in found.stages}
    for text in found.last.all("COPY"):
        source = text.split()[0]
        assert source == "examples/" or source.removeprefix("--from=") in names
        assert "--chown" not in text
    assert [text for stage in found.stages for text in stage.all("ADD")] == []


@pytest.mark.parametrize("image", IMAGES)
def test_programs_start_without_a_shell(image: str) -> None:
    last = dockerfile(image).last
    for text in (*last.all("ENTRYPOINT"), *last.all("CMD")):
        assert text.startswith("[")


def test_code_lies_in_the_last_layer_of_files() -> None:
    for image in OF_OWN_STAGES:
        copies = dockerfile(image).last.all("COPY")
        assert copies == ["--from=environment /opt/penstock /opt/penstock", "--from=package /out/ /"]


def test_the_images_are_made_alike() -> None:
    texts = {
        re.sub(r"pyproject.toml [a-z ]+ >", "pyproject.toml EXTRAS >", text.split("\nFROM ${PYTHON}\n")[0])
        for text in ((ROOT / "images" / image / "Dockerfile").read_text() for image in OF_OWN_STAGES)
    }
    assert len(texts) == 1


def test_a_build_sees_only_what_is_named() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    named = [line[1:] for line in lines if line.startswith("!")]
    assert set(named) < {path.name for path in ROOT.iterdir()} | {"images/*.py", "images/*.sh"}


def test_operator_and_gateway_need_neither_torch_nor_ray() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    of = requirements()
    for extra in ("operator", "gateway"):
        assert not [line for line in of(project, [extra]) if re.match(r"(torch|ray|scikit-learn|milvus-lite)\b", line)]
    platform = of(project, ["train", "materialize"])
    assert {"torch==2.13.0", "ray[default]==2.60.0", "ray[default,train]==2.60.0"} <= set(platform)


def test_kuberay_is_told_the_ray_that_the_images_have() -> None:
    assert f"ray=={RAY_VERSION}" in (ROOT / "constraints.txt").read_text().splitlines()


def test_requirements_are_those_that_the_package_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = requirements()((ROOT / "pyproject.toml").read_text(), ["operator"])
    extras = project["optional-dependencies"]
    own = [*project["dependencies"], *extras["data"], *(one for one in extras["operator"] if "penstock[" not in one)]
    assert found == sorted(set(own))
    with pytest.raises(KeyError):
        requirements()((ROOT / "pyproject.toml").read_text(), ["nothing"])
