"""Secrets and ConfigMaps: listed, described, deleted; of a Secret no value is shown, but in YAML and JSON."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

VALUE = "correct horse battery"
ENCODED = base64.b64encode(VALUE.encode()).decode()


@pytest.fixture
def secret(penstock: Any, tmp_path: Path) -> None:
    note = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"data": {"token": ENCODED}}), "a": "b"}
    meta = {"name": "key", "labels": {"team": "search"}, "annotations": note}
    data = {"token": ENCODED, "one": base64.b64encode(b"1").decode()}
    documents = [
        {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": data},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"mode": "fast\nsafe"}},
    ]
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all(documents))
    done = penstock("apply", "-f", str(tmp_path / "all.yaml"))
    assert done.stdout.splitlines() == ["secret/key created", "configmap/settings created"]


@pytest.mark.usefixtures("secret")
def test_a_secret_is_listed_with_its_type_and_how_many_values_it_has(penstock: Any) -> None:
    for words in (("secret",), ("secrets",), ("secret/key",), ("secret", "key"), ("secrets", "-l", "team=search")):
        header, row = penstock("get", *words).stdout.splitlines()
        assert header.split() == ["NAME", "TYPE", "DATA", "AGE"]
        assert row.split()[:3] == ["key", "Opaque", "2"]
    assert penstock("get", "secrets", "-A").stdout.splitlines()[1].split()[:2] == ["default", "key"]
    assert penstock("get", "secrets,cm", "-o", "name").stdout.split() == ["secret/key", "configmap/settings"]
    assert penstock("get", "all").stdout == ""
    assert yaml.safe_load(penstock("get", "secret", "key", "-o", "yaml").stdout)["data"]["token"] == ENCODED
    missing = penstock("get", "secret", "absent")
    assert (missing.exit_code, "'absent'" in missing.stderr) == (4, True)


@pytest.mark.usefixtures("secret")
def test_a_description_gives_the_sizes_alone(penstock: Any) -> None:
    text = penstock("describe", "secret", "key").stdout
    lines = [line.split() for line in text.splitlines()]
    for line in (["Name:", "key"], ["Type:", "Opaque"], ["token:", "21", "bytes"], ["one:", "1", "byte"]):
        assert line in lines
    assert ["Annotations:", "a=b"] in lines
    shown = text + penstock("get", "secrets", "-o", "wide").stdout
    assert VALUE not in shown
    assert ENCODED not in shown
    assert "  mode:\n    fast\n    safe" in penstock("describe", "cm/settings").stdout


@pytest.mark.usefixtures("secret")
def test_a_secret_is_deleted_by_name_and_cannot_be_suspended(penstock: Any, world: Any) -> None:
    assert penstock("suspend", "secret/key").exit_code == 1
    assert penstock("delete", "secret", "key").stdout == "secret/key deleted\n"
    assert penstock("delete", "secret", "key").exit_code == 4
    assert penstock("delete", "cm", "--all").stdout == "configmap/settings deleted\n"
    assert world.do(lambda store: (store.list("Secret"), store.list("ConfigMap"))) == ([], [])
