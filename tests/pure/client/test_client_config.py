"""Where the kubeconfig and the gateway are looked for, and what is said when they are not there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from penstock.client import config, errors


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
        config.find_kubeconfig()


def test_the_order_of_places(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (nowhere / "token").touch()
    assert config.find_kubeconfig() is None
    user = written(nowhere / "home" / "config")
    assert config.find_kubeconfig() == user
    named = written(nowhere / "named")
    monkeypatch.setenv("KUBECONFIG", f"{nowhere}/absent:{named}")
    assert config.find_kubeconfig() == named
    local = written(nowhere / ".penstock" / "kubeconfig")
    (nowhere / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(nowhere / "a" / "b")
    assert config.find_kubeconfig() == local
    own = written(nowhere / "own")
    monkeypatch.setenv("PENSTOCK_KUBECONFIG", str(own))
    assert config.find_kubeconfig() == own
    assert config.find_kubeconfig(named) == named
    with pytest.raises(errors.ConfigError, match="absent"):
        config.find_kubeconfig(nowhere / "absent")


def test_a_kubeconfig_of_another_user_is_used_only_when_it_is_named(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = written(nowhere / ".penstock" / "kubeconfig")
    monkeypatch.setattr("os.getuid", lambda: local.stat().st_uid + 1)
    with pytest.raises(errors.ConfigError, match="another user: name it with --kubeconfig"):
        config.find_kubeconfig()
    assert config.find_kubeconfig(local) == local


def test_a_context_has_a_namespace_and_need_not_have_a_user(nowhere: Path) -> None:
    path = written(nowhere / "k")
    chosen = config.load(path)
    assert (chosen.namespace, chosen.cluster.server) == ("search", "http://127.0.0.1:1")
    assert chosen.user is not None
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


def test_the_package_exports_the_client_without_importing_it() -> None:
    code = "import sys, penstock; assert 'lightkube' not in sys.modules; assert 'pydantic' not in sys.modules; "
    code += "print(penstock.Client.__name__, penstock.AsyncClient.__name__, penstock.PenstockError.__name__)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert answer.stdout.split() == ["Client", "AsyncClient", "PenstockError"]
