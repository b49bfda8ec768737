"""Values: what is refused, with which message; and what is generated from values.yaml."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from penstock import __version__
from penstock.api.ray import KubeRay

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "penstock"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
BAD = {
    "unknown value": ({"replicaz": 3}, "replicaz"),
    "unknown value below": ({"operator": {"replica": 3}}, "replica"),
    "unknown deep below": ({"gateway": {"ingress": {"host": "a"}}}, "host"),
    "mistyped number": ({"operator": {"replicas": "two"}}, "got string, want integer"),
    "too many": ({"operator": {"replicas": 10}}, "maximum: got 10, want 9"),
    "unknown choice": ({"gateway": {"auth": {"mode": "off"}}}, "'tokenReview', 'staticKeys', 'none'"),
    "mistyped flag": ({"quickstart": {"enabled": "yes please"}}, "got string, want boolean"),
    "no URI": ({"artifacts": {"uri": "bucket/prefix"}}, "artifacts/uri"),
    "namespace that cannot be": ({"watchNamespaces": ["Team A"]}, "watchNamespaces/0"),
    "no quantity": ({"artifacts": {"persistence": {"size": "much"}}}, "artifacts/persistence/size"),
    "unknown toleration": ({"operator": {"tolerations": [{"kay": "a"}]}}, "kay"),
    "no place for artifacts": ({"artifacts": {"uri": ""}}, "Set artifacts.uri, artifacts.persistence.enabled or quick"),
    "two bundles": (
        {"artifacts": {"uri": "s3://b", "caBundle": {"configMapName": "a", "secretName": "b"}}},
        "leave one",
    ),
    "keys from nowhere": ({"gateway": {"auth": {"mode": "staticKeys"}}}, "set gateway.auth.staticKeys.secretName"),
    "certificate from nowhere": ({"gateway": {"tls": {"enabled": True}}}, "set gateway.tls.secretName"),
    "ingress without host": ({"gateway": {"ingress": {"enabled": True}}}, "set gateway.ingress.hosts"),
    "password for all to read": (
        {"feast": {"onlineStore": {"type": "postgres", "password": "x"}}},
        "with a secretKeyRef",
    ),
    "password in an address": ({"feast": {"registry": {"path": "postgresql://me:x@host/db"}}}, "with a secretKeyRef"),
    "password of Redis": (
        {"feast": {"onlineStore": {"connection_string": "a:6379,password=x"}}},
        "with a secretKeyRef",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_values_are_refused_with_what_is_wrong(render: Any, smallest: dict[str, Any], case: str) -> None:
    values, said = BAD[case]
    with pytest.raises(ValueError, match=re.escape(said)):
        render({**smallest, **values})


def objects(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield path, schema
        for key, value in schema.items():
            if key != "default":
                yield from objects(value, f"{path}/{key}")
    elif isinstance(schema, list):
        for number, value in enumerate(schema):
            yield from objects(value, f"{path}/{number}")


def test_every_object_of_ours_is_closed() -> None:
    # Kubernetes' own parts, Feast's sections and the parent chart's values are theirs to describe.
    theirs = (
        "podTemplate",
        "registry",
        "onlineStore",
        "global",
        "TlsConfig",
        "Affinity",
        "items",
        "claims",
        "nodeAffinity",
    )
    for path, schema in objects(SCHEMA):
        last = path.rsplit("/", 1)[-1]
        if "properties" in schema:
            assert schema["additionalProperties"] is False, path
        elif "additionalProperties" in schema:
            assert schema["additionalProperties"] in ({"type": "string"},) or last in ("requests", "limits"), path
        else:
            assert last.endswith(theirs), path


def test_values_are_those_of_the_schema() -> None:
    def names(value: Any, schema: dict[str, Any], path: str) -> None:
        if "properties" in schema and value:
            assert value.keys() == schema["properties"].keys() - {"global", "enabled"} or path, path
            for key in value:
                assert key in schema["properties"], f"{path}.{key}"
                names(value[key], schema["properties"][key], f"{path}.{key}")

    names(yaml.safe_load((CHART / "values.yaml").read_text()), SCHEMA, "")


def test_generated_files_are_those_of_values_yaml() -> None:
    command = [sys.executable, "charts/values.py", "check", "charts/penstock"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("text", "said"),
    [("a: 1\n", "a: write a comment"), ("# It.\na: []\n", "a: say its shape"), ("# It.\na: {}\n", "a: say its shape")],
)
def test_value_that_nothing_is_said_of_is_an_error(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "values.yaml").write_text(text)
    (tmp_path / "README.template.md").write_text("<!-- values -->\n")
    command = [sys.executable, "charts/values.py", "write", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert said in done.stderr


def test_drift_is_told(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("# It.\na: 1\n")
    (tmp_path / "README.template.md").write_text("<!-- values -->\n")
    for command, code in (("check", 1), ("write", 0), ("check", 0)):
        words = [sys.executable, "charts/values.py", command, str(tmp_path)]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, done.stdout
    (tmp_path / "values.yaml").write_text("# It.\na: 2\n")
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.count("differs from values.yaml: run `make generate`") == 2


def test_chart_is_of_the_version_of_the_package() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == __version__


def test_values_of_kube_ray_are_the_fields_of_the_api() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())["ray"]["kubeRay"]
    schema = KubeRay.model_json_schema(by_alias=True)
    assert values.keys() == schema["properties"].keys()
    for part, model in (("head", "HeadPod"), ("workers", "WorkerPods")):
        assert values[part].keys() == schema["$defs"][model]["properties"].keys()
