"""A misspelt field is refused by everything that people apply with, and the answer names it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from penstock.api import API_VERSION, Materialization
from penstock.client import AsyncClient, errors

ROOT = Path(__file__).parents[2]
FIELD = "spec.gates[0].minRows.row"
GATE = {"name": "g", "type": "MinRows", "minRows": {"output": "o", "rows": 1}}
VIEW = {"name": "v", "output": "o", "featureViewRef": {"name": "v"}}
SPEC = {"trainingJobRef": {"name": "j"}, "features": [VIEW], "gates": [GATE]}


def materialization(name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": "Materialization", "metadata": {"name": name}, "spec": {**SPEC, **spec}}


def misspelt(name: str) -> dict[str, Any]:
    return materialization(name, gates=[{**GATE, "minRows": {"output": "o", "rows": 1, "row": 2}}])


@pytest.fixture
async def client(established: Any, server: Any, tmp_path: Path) -> AsyncIterator[AsyncClient]:
    (tmp_path / "config").write_text(json.dumps(server.kubeconfig()))
    async with AsyncClient(tmp_path / "config", namespace="default") as made:
        yield made


async def test_our_client_is_told_the_field_and_nothing_is_stored(client: AsyncClient) -> None:
    with pytest.raises(errors.Invalid, match="row"):
        await client.apply(misspelt("unknown-a"))
    with pytest.raises(errors.NotFound):
        await client.get(Materialization, "unknown-a")


async def test_a_patch_of_our_client_is_refused_too(client: AsyncClient) -> None:
    await client.apply(materialization("unknown-b"))
    with pytest.raises(errors.Invalid, match=r'unknown field "spec\.promotions"'):
        await client.patch(Materialization, "unknown-b", {"spec": {"promotions": "Manual"}})


@pytest.mark.usefixtures("established")
@pytest.mark.parametrize("words", [("apply",), ("create",), ("apply", "--server-side")])
def test_kubectl_is_told_the_field(commands: Callable[..., Any], server: Any, words: tuple[str, ...]) -> None:
    said = commands(server)("kubectl", "-n", "default", *words, "-f", "-", stdin=json.dumps(misspelt("unknown-c")))
    assert (said.returncode, ".row" in said.stderr) == (1, True)


def test_without_being_asked_the_api_server_drops_the_field(established: Any, apiserver: httpx2.Client) -> None:
    body = misspelt("unknown-d")
    answer = apiserver.post(f"/apis/{API_VERSION}/namespaces/default/materializations", json=body)
    assert (answer.status_code, f'unknown field "{FIELD}"' in answer.headers["warning"].replace("\\", "")) == (
        201,
        True,
    )
    assert answer.json()["spec"]["gates"] == [GATE]


@pytest.mark.usefixtures("established")
@pytest.mark.parametrize("path", ["bench/switch/penstock.yaml", "platform/penstock/cli/project/penstock.yaml.txt"])
def test_kubectl_accepts_what_we_show_beside_the_examples(commands: Callable[..., Any], server: Any, path: str) -> None:
    words = ("kubectl", "-n", "default", "apply", "--dry-run=server", "--validate=strict", "-f", "-")
    said = commands(server)(*words, stdin=(ROOT / path).read_text())
    assert (said.returncode, said.stdout.count("created")) == (0, 6), said.stderr
