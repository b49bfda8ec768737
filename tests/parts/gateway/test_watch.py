"""The watch on the API: pointers are followed, an API that is away changes nothing, and a return is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from lightkube import AsyncClient, KubeConfig

from penstock.gateway import watch as module
from penstock.gateway.bundle import Bundle
from penstock.gateway.catalog import Catalog
from penstock.gateway.watch import Kubernetes, Watcher
from penstock_operator.local.apiserver.api import create_app
from penstock_operator.local.apiserver.certificates import loopback_certificate
from penstock_operator.local.apiserver.errors import NotFound
from penstock_operator.local.apiserver.kubeconfig import write_kubeconfig
from penstock_operator.local.apiserver.serve import serving
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.local.stack.sockets import free_port

NOW = "2026-01-01T00:00:00Z"


class Loader:
    async def load(self, namespace: str, run: str, uri: str, outputs: Sequence[Any]) -> Bundle:
        return Bundle(run, {}, {}, {})


class World:
    """An API that can be taken away, and the objects behind it."""

    def __init__(self, folder: Path) -> None:
        self.store = ObjectStore(folder / "state.db")
        self.port = free_port()
        self.certificate = loopback_certificate(folder / "tls")
        self.config = folder / "kubeconfig"
        authority = self.certificate.certificate.read_bytes()
        self.token = write_kubeconfig(self.config, f"https://127.0.0.1:{self.port}", "", authority)

    @asynccontextmanager
    async def api(self) -> AsyncIterator[None]:
        async with serving(create_app(self.store, self.token), self.port, self.certificate):
            yield

    def point(self, name: str, run: str, namespace: str = "default") -> None:
        meta = {"name": name, "namespace": namespace}
        spec = {"trainingJobRef": {"name": "job"}, "gates": []}
        try:
            obj = self.store.get("Materialization", namespace, name)
        except NotFound:
            obj = self.store.create(
                {"apiVersion": "penstock.dev/v1alpha1", "kind": "Materialization", "metadata": meta, "spec": spec}
            )
        active = {"run": run, "uri": f"file:///{run}", "switchedAt": NOW, "outputs": []}
        self.store.update_status({**obj, "status": {"active": active}})


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.01)


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(module, "FIRST_WAIT", 0.05)
    monkeypatch.setattr(module, "LONGEST_WAIT", 0.1)
    world = World(tmp_path)
    yield world
    world.store.close()


@pytest.fixture
async def client(world: World) -> AsyncIterator[AsyncClient]:
    client = AsyncClient(config=KubeConfig.from_file(world.config), trust_env=False)
    yield client
    await client.close()


@pytest.fixture
async def catalog(client: AsyncClient) -> AsyncIterator[Catalog]:
    catalog = Catalog(Loader())
    watching = asyncio.create_task(Watcher(client, catalog).run())
    yield catalog
    watching.cancel()
    await asyncio.gather(watching, catalog.close(), return_exceptions=True)


def live(catalog: Catalog, name: str) -> str:
    if ("default", name) not in catalog.names():
        return ""
    current = catalog.entry("default", name).current
    return current.run if current is not None else ""


async def test_pointers_are_followed_through_an_absence_of_the_api(world: World, catalog: Catalog) -> None:
    await asyncio.sleep(0.2)
    assert not catalog.synced
    async with world.api():
        world.point("m", "a")
        world.point("n", "a")
        await until(lambda: live(catalog, "m") == live(catalog, "n") == "a")
        assert catalog.synced
        world.point("m", "b")
        await until(lambda: live(catalog, "m") == "b")
    world.point("m", "c")
    world.store.delete("Materialization", "default", "n")
    await asyncio.sleep(0.3)
    assert (live(catalog, "m"), live(catalog, "n")) == ("b", "a")
    async with world.api():
        await until(lambda: live(catalog, "m") == "c")
        assert catalog.names() == [("default", "m")]
        world.store.delete("Materialization", "default", "m")
        await until(lambda: catalog.names() == [])


async def test_only_the_namespaces_that_are_named_are_followed(world: World, client: AsyncClient) -> None:
    catalog = Catalog(Loader())
    watching = asyncio.create_task(Watcher(client, catalog, ["default", "team"]).run())
    async with world.api():
        for namespace in ("default", "team", "other"):
            world.point("m", "a", namespace)
        await until(lambda: catalog.synced and len(catalog.names()) == 2)
        world.point("n", "a", "team")
        world.store.delete("Materialization", "default", "m")
        await until(lambda: catalog.names() == [("team", "m"), ("team", "n")])
    watching.cancel()
    await asyncio.gather(watching, catalog.close(), return_exceptions=True)


async def test_a_pointer_that_is_not_understood_leaves_what_is_served(
    world: World, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESYNC_SECONDS", 0.1)
    async with world.api():
        world.point("m", "a")
        await until(lambda: live(catalog, "m") == "a")
        obj = world.store.get("Materialization", "default", "m")
        world.store.update_status({**obj, "status": {"active": {"run": "b", "of": "a newer version"}}})
        await asyncio.sleep(0.4)
        assert live(catalog, "m") == "a"


async def test_resources_are_read_and_a_missing_one_is_none(world: World, client: AsyncClient) -> None:
    objects = Kubernetes(client)
    async with world.api():
        secret = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s", "namespace": "default"}}
        world.store.create({**secret, "data": {"key": "dmFsdWU="}})
        found = await objects.get("Secret", "default", "s")
        assert found is not None
        assert found["data"] == {"key": "dmFsdWU="}
        assert await objects.get("FeatureStore", "default", "nope") is None
