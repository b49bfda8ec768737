"""What the folders and the imports promise."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HEAVY = ("torch", "ray", "feast", "pymilvus", "pyarrow")


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_standard_library_is_intact_at_the_root() -> None:
    code = "import operator, platform; print(platform.system()); print(operator.__file__); print(platform.__file__)"
    answer = python("-S", "-c", code)
    assert answer.returncode == 0, answer.stderr
    assert str(ROOT) not in answer.stdout


@pytest.mark.parametrize("folder", ["operator", "platform"])
def test_folders_named_as_standard_modules_hold_one_package_and_no_code(folder: str) -> None:
    package = {"operator": "penstock_operator", "platform": "penstock"}[folder]
    assert [path.name for path in (ROOT / folder).iterdir() if path.name != "__pycache__"] == [package]


def test_no_test_shadows_the_standard_library() -> None:
    assert [path for path in (ROOT / "tests").rglob("*") if path.stem in ("operator", "platform")] == []


def test_tests_have_names_of_their_own_and_no_packages() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    "module",
    [
        "penstock",
        "penstock.api",
        "penstock.cli",
        "penstock.client",
        "penstock.crds",
        "penstock.rundir.manifest",
        "penstock.serving",
        "penstock.train",
    ],
)
def test_import_brings_in_nothing_heavy(module: str) -> None:
    answer = python("-c", f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("package", ["operator/penstock_operator", "platform/penstock"])
def test_packages_are_typed_and_each_says_what_it_is(package: str) -> None:
    assert (ROOT / package / "py.typed").exists()
    for path in (ROOT / package).rglob("*.py"):
        assert path.read_text().lstrip().startswith('"""'), f"{path}: no docstring"
        assert (path.parent / "__init__.py").exists(), f"{path.parent}: no __init__.py"


def test_every_dependency_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert all(line.count("==") == 1 and "+" not in line and "@" not in line for line in lines)
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lines}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    named = {
        "".join(c if c.isalnum() or c in "-_." else " " for c in text).split()[0] for group in groups for text in group
    }
    assert {name.lower().replace("_", "-") for name in named} - pinned - {"penstock"} == set()
