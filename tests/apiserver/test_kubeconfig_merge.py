"""Several kubeconfig files are read as kubectl reads them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from penstock.kubeapi import kubeconfig

pytestmark = pytest.mark.apiserver

ONE = """
clusters:
- {name: c, cluster: {server: "https://one"}}
contexts:
- {name: x, context: {cluster: c, user: u}}
users:
- {name: u, user: {token: one}}
"""
TWO = """
current-context: b
clusters:
- {name: c, cluster: {server: "https://two", tls-server-name: two}}
- {name: d, cluster: {server: "https://d"}}
contexts:
- {name: x, context: {cluster: d, user: v, namespace: two}}
- {name: b, context: {cluster: d, user: v}}
users:
- {name: v, user: {token: two}}
- {name: u, user: {token: two, username: two}}
"""
THREE = "current-context: x\nclusters:\n- {name: d, cluster: {server: https://three}}\n"


def comparable(config: dict[str, Any]) -> dict[str, Any]:
    lists = {name: {entry["name"]: entry for entry in config[name]} for name in ("clusters", "contexts", "users")}
    return {**lists, "current-context": config["current-context"]}


def test_as_kubectl(assets: Path, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("one", "two", "three")]
    for path, text in zip(paths, (ONE, TWO, THREE), strict=True):
        path.write_text(text)
    (tmp_path / "empty").touch()
    for order in (paths, paths[::-1], [paths[1], tmp_path / "empty", paths[0]]):
        env = {**os.environ, "KUBECONFIG": os.pathsep.join(map(str, order)), "HOME": str(tmp_path)}
        command = [assets / "kubectl", "config", "view", "--raw", "-o", "json"]
        shown = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True).stdout
        assert comparable(kubeconfig.read(order)) == comparable(json.loads(shown))
