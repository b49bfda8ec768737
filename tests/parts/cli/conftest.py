"""The embedded API of the client's tests, and the command in front of it."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from penstock.cli.app import app

_spec = spec_from_file_location("penstock_client_fixtures", Path(__file__).parents[1] / "client" / "conftest.py")
assert _spec is not None
assert _spec.loader is not None
_fixtures = module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)
world = _fixtures.world

Command = Callable[..., Result]

MANIFEST = [
    {
        "kind": "TrainingJob",
        "metadata": {"name": "digits"},
        "spec": {"source": {"type": "Path", "path": "."}, "entrypoint": "train.py"},
    },
    {"kind": "FeatureStore", "metadata": {"name": "features"}, "spec": {"project": "digits"}},
    {
        "kind": "FeatureView",
        "metadata": {"name": "digit-features", "labels": {"team": "search"}},
        "spec": {
            "storeRef": {"name": "features"},
            "entities": [{"name": "image_id", "type": "Int64"}],
            "features": [{"name": "ink", "type": "Float32"}],
        },
    },
    {
        "kind": "Materialization",
        "metadata": {"name": "digits"},
        "spec": {
            "trainingJobRef": {"name": "digits"},
            "gates": [],
            "features": [
                {"name": "digit-features", "output": "features", "featureViewRef": {"name": "digit-features"}}
            ],
        },
    },
]


@pytest.fixture
def penstock(world: Any, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command against the world; standard output and error apart."""
    monkeypatch.setenv("PENSTOCK_KUBECONFIG", str(world.kubeconfig))
    runner = CliRunner()

    def run(*arguments: str, stdin: str | None = None) -> Result:
        return runner.invoke(app, list(arguments), input=stdin, prog_name="penstock")

    return run


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    path = folder / "penstock.yaml"
    path.write_text(yaml.safe_dump_all([{"apiVersion": "penstock.dev/v1alpha1", **document} for document in MANIFEST]))
    return path


@pytest.fixture
def applied(penstock: Command, manifest: Path) -> Path:
    result = penstock("apply", "-f", str(manifest))
    assert result.exit_code == 0, result.output
    return manifest
