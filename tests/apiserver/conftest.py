"""A real API server for all tests of this tier, one that is audited, and what a test wants of them."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from apiserver import Server
from waiting import wait_until

from penstock.api import KINDS
from penstock.crds import crd

VARIABLE = "KUBEBUILDER_ASSETS"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.apiserver)


@pytest.fixture(scope="session")
def assets() -> Path:
    folder = os.environ.get(VARIABLE)
    if not folder:
        pytest.skip(f"{VARIABLE} is not set: it names the folder of etcd and kube-apiserver")
    return Path(folder)


@pytest.fixture(scope="session")
def new_server(assets: Path) -> Callable[[Path], Server]:
    """Makes a server that has a folder of its own and is not started yet."""
    return lambda folder: Server(assets, folder)


@pytest.fixture(scope="session")
def server(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(assets, tmp_path_factory.mktemp("apiserver"))
    try:
        server.start().close()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def audited(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Another one, which writes down what service accounts ask for."""
    server = Server(assets, tmp_path_factory.mktemp("audited"))
    server.write_down_service_accounts()
    try:
        server.start().close()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def commands(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Server], Command]:
    """Makes what runs kubectl and helm as the user with every right."""

    def made(server: Server) -> Command:
        folder = tmp_path_factory.mktemp("kube")
        (folder / "kubeconfig").write_text(json.dumps(server.kubeconfig()))
        path = f"{assets}{os.pathsep}{os.environ['PATH']}"
        env = {"KUBECONFIG": str(folder / "kubeconfig"), "HOME": str(folder), "PATH": path}

        def run(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
            return subprocess.run(words, env=env, input=stdin, capture_output=True, text=True, timeout=120, check=False)

        return run

    return made


@pytest.fixture(scope="session")
def apiserver(server: Server) -> Iterator[httpx2.Client]:
    """A client of an API server of its own, with every right."""
    client = server.start()
    yield client
    client.close()


@pytest.fixture(scope="session")
def new_namespace(apiserver: httpx2.Client) -> Callable[[str], str]:
    """Makes a namespace of the shared API server; its name begins as told."""
    numbers = itertools.count()

    def made(prefix: str) -> str:
        name = f"{prefix}-{next(numbers)}"
        answer = apiserver.post("/api/v1/namespaces", json={"metadata": {"name": name}})
        assert answer.status_code == 201, answer.text
        return name

    return made


@pytest.fixture(scope="session")
def established(apiserver: httpx2.Client) -> dict[str, list[dict[str, str]]]:
    """Every CRD created; the conditions of each once it is established or refused."""
    for kind in KINDS.values():
        answer = apiserver.post(DEFINITIONS, json=crd(kind))
        assert answer.status_code == 201, answer.text
    found = {}
    for kind in KINDS.values():
        path = f"{DEFINITIONS}/{kind.PLURAL}.penstock.dev"
        found[kind.__name__] = wait_until(lambda path=path: _settled(apiserver.get(path).json()))
    return found


def _settled(definition: dict[str, Any]) -> list[dict[str, str]]:
    """The conditions of a definition; none before it is established or refused."""
    conditions: list[dict[str, str]] = definition.get("status", {}).get("conditions") or []
    over = any(
        (one["type"], one["status"]) in (("Established", "True"), ("NamesAccepted", "False")) for one in conditions
    )
    return conditions if over else []
