"""Which API is meant, and what is said where nothing says so."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from penstock.kubeapi import context
from penstock.kubeapi.context import Context, choose, from_environment, in_cluster
from penstock.kubeapi.errors import KubeconfigError

CONFIG = {
    "clusters": [{"name": "c", "cluster": {"server": "https://c/"}}, {"name": "n", "cluster": {}}],
    "users": [{"name": "u", "user": {"token": "t"}}],
    "contexts": [
        {"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "search"}},
        {"name": "nobody", "context": {"cluster": "c"}},
        {"name": "stranger", "context": {"cluster": "c", "user": "v"}},
        {"name": "nowhere", "context": {"cluster": "d"}},
        {"name": "no-server", "context": {"cluster": "n"}},
    ],
    "current-context": "x",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(context, "SERVICE_ACCOUNT", tmp_path / "account")
    monkeypatch.setattr(context, "USER_KUBECONFIG", tmp_path / "config")
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_a_context_is_a_cluster_a_user_and_a_namespace() -> None:
    found = choose(CONFIG)
    assert (found.name, found.server, found.namespace, found.user) == ("x", "https://c", "search", {"token": "t"})
    assert "'t'" not in repr(found)
    assert choose(CONFIG, "nobody") == Context({"server": "https://c/"}, {}, "default", "nobody")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("y", "context 'y' not found"),
        ("stranger", "user 'v' not found"),
        ("nowhere", "cluster 'd' not found"),
        ("no-server", "cluster 'n' has no server"),
    ],
)
def test_what_is_missing_is_named(name: str, message: str) -> None:
    with pytest.raises(KubeconfigError, match=message):
        choose(CONFIG, name)


def test_the_environment_then_the_pod_then_the_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KubeconfigError, match="is not there: set KUBECONFIG"):
        from_environment()
    (home / "config").write_text(yaml.safe_dump(CONFIG))
    assert from_environment().name == "x"
    (home / "account").mkdir()
    (home / "account" / "token").write_text("t")
    (home / "account" / "namespace").write_text("ml")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    found = in_cluster(home / "account")
    assert (found.server, found.namespace) == ("https://[fd00::1]:443", "ml")
    assert found.user == {"tokenFile": str(home / "account" / "token")}
    (home / "named").write_text(yaml.safe_dump({**CONFIG, "current-context": "nobody"}))
    monkeypatch.setenv("KUBECONFIG", f"{home}/absent:{home}/named")
    assert from_environment().name == "nobody"
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST")
    with pytest.raises(KubeconfigError, match="this is no pod"):
        in_cluster(home / "account")
