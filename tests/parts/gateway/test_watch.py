"""The watch on the API: pointers are followed, an API that is away changes nothing, and a return is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from gateway_api import EmptyBundles
from gateway_runs import staged_run

from penstock.api.stagedrun import MATERIALIZATION_LABEL
from penstock.gateway import watch as module
from penstock.gateway.catalog import Catalog
from penstock.gateway.errors import NotServed, Unavailable
from penstock.gateway.kubernetes import Kubernetes
from penstock.gateway.pins import KubernetesStagedRuns
from penstock.gateway.watch import Watcher
from penstock.kubeapi.context import choose
from penstock.kubeapi.kubeconfig import read
from penstock_operator.local.apiserver.api import create_app
from penstock_operator.local.apiserver.certificates import loopback_certificate
from penstock_operator.local.apiserver.errors import NotFound
from penstock_operator.local.apiserver.kubeconfig import write_kubeconfig
from penstock_operator.local.apiserver.serve import listening
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.local.stack.sockets import free_port

NOW = "2026-01-01T00:00:00Z"


class World:
    """An API that can be taken away, and the objects behind it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "state.db"
        self.store = ObjectStore(self.path)
        self.port = free_port()
        self.certificate = loopback_certificate(folder / "tls")
        self.config = folder / "kubeconfig"
        authority = self.certificate.certificate.read_bytes()
        self.token = write_kubeconfig(self.config, f"https://127.0.0.1:{self.port}", "", authority)

    @asynccontextmanager
    async def api(self) -> AsyncIterator[None]:
        async with listening(create_app(self.store, self.token), self.port, self.certificate):
            yield

    def point(self, name: str, run: str, namespace: str = "default") -> None:
        meta = {"name": name, "namespace": namespace}
        spec = {
            "trainingJobRef": {"name": "job"},
            "gates": [],
            "features": [{"name": name, "output": "features", "featureViewRef": {"name": name}}],
        }
        try:
            obj = self.store.get("Materialization", namespace, name)
        except NotFound:
            obj = self.store.create(
                {"apiVersion": "penstock.dev/v1alpha1", "kind": "Materialization", "metadata": meta, "spec": spec}
            )
        when = {"trainedAt": NOW, "switchedAt": NOW}
        active = {
            "run": run,
            "stagedRunRef": {"name": f"{name}-{run}", "uid": f"{name}-{run}"},
            "uri": f"file:///{run}",
        }
        self.store.update_status({**obj, "status": {"active": {**active, **when, "outputs": []}}})

    def keep(self, name: str, run: str) -> None:
        """A StagedRun that is staged."""
        owner = self.store.get("Materialization", "default", name)["metadata"]
        meta = {"name": f"{name}-{run}", "namespace": "default", "labels": {MATERIALIZATION_LABEL: name}}
        obj = self.store.create(staged_run(run, {"name": name, "uid": owner["uid"]}, f"file:///{run}", meta, {}))
        self.store.update_status({**obj, "status": {"state": "Staged"}})


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
async def client(world: World) -> AsyncIterator[Kubernetes]:
    client = Kubernetes(choose(read([world.config])))
    yield client
    await client.close()


@pytest.fixture
async def catalog(client: Kubernetes) -> AsyncIterator[Catalog]:
    catalog = Catalog(EmptyBundles(), KubernetesStagedRuns(client))
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


async def test_only_the_namespaces_that_are_named_are_followed(world: World, client: Kubernetes) -> None:
    catalog = Catalog(EmptyBundles(), KubernetesStagedRuns(client))
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
        newer = ObjectStore(world.path, kinds={})
        obj = newer.get("Materialization", "default", "m")
        newer.update_status({**obj, "status": {"active": {"run": "b", "of": "a newer version"}}})
        newer.close()
        await asyncio.sleep(0.4)
        assert live(catalog, "m") == "a"


async def test_resources_are_read_and_a_missing_one_is_none(world: World, client: Kubernetes) -> None:
    objects = client
    async with world.api():
        secret = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s", "namespace": "default"}}
        world.store.create({**secret, "data": {"key": "dmFsdWU="}})
        found = await objects.get("Secret", "default", "s")
        assert found is not None
        assert found["data"] == {"key": "dmFsdWU="}
        assert await objects.get("FeatureStore", "default", "nope") is None


async def test_a_kept_run_is_found_in_the_api_and_what_is_loaded_answers_while_it_is_away(
    world: World, catalog: Catalog
) -> None:
    async with world.api():
        world.point("m", "b")
        world.point("n", "b")
        for name, run in (("m", "a"), ("m", "b"), ("n", "x")):
            world.keep(name, run)
        await until(lambda: live(catalog, "m") == "b")
        assert (await catalog.bundle("default", "m", "a")).run == "a"
        with pytest.raises(NotServed, match="keeps no run 'x': it keeps a, b"):
            await catalog.bundle("default", "m", "x")
    catalog.entry("default", "m").pins.doubt()
    await until(lambda: not catalog.connected)
    assert (await catalog.bundle("default", "m", "a")).run == "a"
    with pytest.raises(Unavailable, match="whether run 'c' is kept: the Kubernetes API does not answer"):
        await catalog.bundle("default", "m", "c")
