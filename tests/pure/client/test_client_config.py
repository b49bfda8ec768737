"""Where the kubeconfig and the gateway are looked for, and what is said when they are not there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from penstock.client import config, errors
from penstock.kubeapi import kubeconfig


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("PENSTOCK_KUBECONFIG", "PENSTOCK_GATEWAY", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(config, "USER_KUBECONFIG", tmp_path / "home" / "config")
    monkeypatch.setattr(config, "SERVICE_ACCOUNT", tmp_path / "token")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(path: Path, **cluster: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    body = {
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1", **cluster}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "namespace": "search"}}],
        "current-context": "x",
    }
    path.write_text(yaml.safe_dump(body))
    return path


def test_without_any_the_next_step_is_named() -> None:
    with pytest.raises(errors.ConfigError, match="penstock up"):
        config.find_kubeconfigs()


def test_the_order_of_places(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (nowhere / "token").touch()
    assert config.find_kubeconfigs() == []
    user = written(nowhere / "home" / "config")
    assert config.find_kubeconfigs() == [user]
    named = written(nowhere / "named")
    monkeypatch.setenv("KUBECONFIG", f"{nowhere}/absent:{named}")
    assert config.find_kubeconfigs() == [named]
    local = written(nowhere / ".penstock" / "kubeconfig")
    (nowhere / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(nowhere / "a" / "b")
    assert config.find_kubeconfigs() == [local]
    own = written(nowhere / "own")
    monkeypatch.setenv("PENSTOCK_KUBECONFIG", str(own))
    assert config.find_kubeconfigs() == [own]
    assert config.find_kubeconfigs(named) == [named]
    with pytest.raises(errors.ConfigError, match="absent"):
        config.find_kubeconfigs(nowhere / "absent")


def test_a_kubeconfig_of_another_user_is_used_only_when_it_is_named(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = written(nowhere / ".penstock" / "kubeconfig")
    monkeypatch.setattr("os.getuid", lambda: local.stat().st_uid + 1)
    with pytest.raises(errors.ConfigError, match="another user: name it with --kubeconfig"):
        config.find_kubeconfigs()
    assert config.find_kubeconfigs(local) == [local]


def test_a_context_has_a_namespace_and_need_not_have_a_user(nowhere: Path) -> None:
    path = written(nowhere / "k")
    chosen = config.load(path)
    assert (chosen.namespace, chosen.server, chosen.user) == ("search", "http://127.0.0.1:1", {})
    with pytest.raises(errors.ConfigError, match="'other' not found"):
        config.load(path, "other")


@pytest.mark.parametrize("text", ["{", "[]", "contexts: []", "clusters: []\ncontexts: [{name: x}]\ncurrent-context: x"])
def test_a_broken_kubeconfig_is_named(nowhere: Path, text: str) -> None:
    path = nowhere / "broken"
    path.write_text(text)
    with pytest.raises(errors.ConfigError, match="broken"):
        config.load(path)


def test_the_gateway(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extension = {"name": "penstock.dev/gateway", "extension": {"url": "http://gateway:80/"}}
    path = written(nowhere / "k", extensions=[extension])
    assert config.gateway_url(kubeconfig=path) == "http://gateway:80"
    monkeypatch.setenv("PENSTOCK_GATEWAY", "http://other")
    assert config.gateway_url(kubeconfig=path) == "http://other"
    assert config.gateway_url("http://third/") == "http://third"
    monkeypatch.delenv("PENSTOCK_GATEWAY")
    with pytest.raises(errors.ConfigError, match="PENSTOCK_GATEWAY"):
        config.gateway_url(kubeconfig=written(nowhere / "plain"))


def test_several_files_are_one(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = written(nowhere / "a" / "one", **{"certificate-authority": "ca.crt"})
    body = yaml.safe_load(first.read_text())
    del body["current-context"]
    first.write_text(yaml.safe_dump(body))
    second = written(nowhere / "b" / "two", extensions=[{"name": "x"}])
    body = yaml.safe_load(second.read_text())
    extension = {"name": "penstock.dev/gateway", "extension": {"url": "http://gateway"}}
    paths = {"certificate-authority": "/etc/ca.crt", "extensions": [extension]}
    body["clusters"].append({"name": "d", "cluster": {"server": "http://127.0.0.1:2", **paths}})
    login = {"apiVersion": "client.authentication.k8s.io/v1", "command": "login"}
    user = {"client-certificate": "../cert.pem", "client-key": "key.pem", "exec": {**login, "command": "bin/login"}}
    body["users"] = [{"name": "v", "user": user}, {"name": "w", "user": {"exec": login}}]
    body["contexts"].append({"name": "y", "context": {"cluster": "d", "user": "v"}})
    body["current-context"] = "y"
    second.write_text(yaml.safe_dump(body))
    third = nowhere / "three"
    third.write_text("current-context: x")
    (nowhere / "empty").touch()
    monkeypatch.setenv("KUBECONFIG", f"{nowhere}/absent:a/one:{nowhere}/empty:b/two:{third}")
    chosen = config.load()
    assert (chosen.name, chosen.server, chosen.user["client-certificate"]) == (
        "y",
        "http://127.0.0.1:2",
        f"{nowhere}/b/../cert.pem",
    )
    assert chosen.user["exec"]["command"] == f"{nowhere}/b/bin/login"
    assert config.gateway_url() == "http://gateway"
    other = config.load(context="x")
    assert (other.server, other.cluster["certificate-authority"]) == ("http://127.0.0.1:1", f"{nowhere}/a/ca.crt")
    whole = kubeconfig.read(config.find_kubeconfigs())
    assert whole["users"][1]["user"]["exec"]["command"] == "login"
    assert [cluster["name"] for cluster in whole["clusters"]] == ["c", "d"]
    third.write_text("[")
    with pytest.raises(errors.ConfigError, match="three"):
        config.load()


def test_the_package_exports_the_client_without_importing_it() -> None:
    code = "import sys, penstock; assert 'kubernetes' not in sys.modules; assert 'pydantic' not in sys.modules; "
    code += "print(penstock.Client.__name__, penstock.AsyncClient.__name__, penstock.PenstockError.__name__)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert answer.stdout.split() == ["Client", "AsyncClient", "PenstockError"]
