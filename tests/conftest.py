"""The chart, rendered by the real helm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

from penstock.installation import Installation

CHART = Path(__file__).parents[1] / "charts" / "penstock"
NAMESPACE = "penstock"


class Refused(ValueError):
    """helm refused the values, for this reason."""


class Rendered(list[dict[str, Any]]):
    """The objects of a rendered chart."""

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """Those of a kind, by name; of Roles in several namespaces by namespace/name."""
        found = [obj for obj in self if obj["kind"] == kind]
        names = [obj["metadata"]["name"] for obj in found]
        if len(set(names)) == len(names):
            return dict(zip(names, found, strict=True))
        return {f"{obj['metadata']['namespace']}/{obj['metadata']['name']}": obj for obj in found}

    @property
    def pods(self) -> dict[str, dict[str, Any]]:
        """Every pod template and pod, by the name of what makes it: metadata and spec."""
        made = {}
        for obj in self:
            if obj["kind"] in ("Deployment", "StatefulSet", "Job", "DaemonSet"):
                made[obj["metadata"]["name"]] = obj["spec"]["template"]
            elif obj["kind"] == "Pod":
                made[obj["metadata"]["name"]] = obj
        return made

    def container(self, name: str) -> dict[str, Any]:
        """The first container of a pod."""
        found: dict[str, Any] = self.pods[name]["spec"]["containers"][0]
        return found

    @property
    def installation(self) -> Installation:
        """What operator and command read."""
        text = self.of("ConfigMap")["penstock-installation"]["data"]["installation.json"]
        return Installation.model_validate_json(text)


Render = Callable[..., Rendered]


@pytest.fixture(scope="session")
def helm() -> str:
    folder = os.environ.get("KUBEBUILDER_ASSETS", "")
    program = shutil.which("helm", path=os.pathsep.join([folder, os.environ.get("PATH", "")]))
    if program is None:
        pytest.skip("helm is neither on the path nor in the folder KUBEBUILDER_ASSETS")
    return program


@pytest.fixture(scope="session")
def render(helm: str, tmp_path_factory: pytest.TempPathFactory) -> Render:
    """Renders the chart with values; raises Refused with what helm says."""
    folder = tmp_path_factory.mktemp("values")

    @cache
    def run(chart: Path, *words: str) -> Rendered:
        command = [helm, "template", *words, str(chart), "--kube-version", "1.34.0"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise Refused(done.stderr)
        return Rendered(obj for obj in yaml.load_all(done.stdout, yaml.CSafeLoader) if obj)

    def rendered(
        values: dict[str, Any] | Path,
        *flags: str,
        namespace: str = NAMESPACE,
        release: str = "penstock",
        chart: Path = CHART,
    ) -> Rendered:
        path = values
        if not isinstance(path, Path):
            text = json.dumps(values)
            path = folder / f"{sha256(text.encode()).hexdigest()}.json"
            path.write_text(text)
        return run(chart, release, "-n", namespace, "-f", str(path), *flags)

    return rendered
