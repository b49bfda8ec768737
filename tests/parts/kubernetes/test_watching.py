"""kopf against an emulated API server: every change comes into the cache, and nothing is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from kmock import KubernetesEmulator

from penstock.api import KINDS
from penstock.kubeapi.context import Context
from penstock_operator.kubernetes.cache import Cache
from penstock_operator.kubernetes.watching import Watch

STORES = "penstock.dev/v1alpha1/vectorstores"


def store(name: str, version: int, namespace: str = "default", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "penstock.dev/v1alpha1",
        "kind": "VectorStore",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{name}",
            "resourceVersion": str(version),
            "managedFields": [{"manager": "kubectl"}],
        },
        "spec": spec,
    }


@pytest.fixture
def config(kmock: KubernetesEmulator) -> Context:
    for kind in KINDS.values():
        kmock.resources[f"penstock.dev/v1alpha1/{kind.PLURAL}"] = {
            "kind": kind.__name__,
            "namespaced": True,
            "verbs": {"get", "list", "watch"},
        }
    kmock.resources["v1/namespaces"] = {"kind": "Namespace", "verbs": {"list", "watch"}, "namespaced": False}
    kmock.resources["apiextensions.k8s.io/v1/customresourcedefinitions"] = {
        "kind": "CustomResourceDefinition",
        "verbs": {"list", "watch"},
        "namespaced": False,
    }
    kmock.resources["v1/events"] = {"kind": "Event", "verbs": {"create"}, "namespaced": True}
    return Context({"server": str(kmock.url)}, {"token": "t"})


@pytest.fixture
async def watched(kmock: KubernetesEmulator, config: Context) -> AsyncIterator[tuple[Cache, Watch]]:
    kmock.objects[STORES, "default", "first"] = store("first", 1)
    cache = Cache(KINDS)
    watch = Watch(config, cache, ())
    running = asyncio.create_task(watch.run())
    yield cache, watch
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(15):
        while not holds():
            await asyncio.sleep(0.02)


async def test_what_is_and_what_changes_comes_into_the_cache(
    kmock: KubernetesEmulator, watched: tuple[Cache, Watch]
) -> None:
    cache, watch = watched

    def have(name: str) -> dict[str, Any] | None:
        return cache.get("VectorStore", "default", name)

    await until(lambda: have("first"))
    path = f"{str(kmock.url).rstrip('/')}/apis/penstock.dev/v1alpha1/namespaces/default/vectorstores"
    async with aiohttp.ClientSession() as http:
        await http.post(path, json=store("second", 2))
        await until(lambda: have("second"))
        await http.patch(f"{path}/second", json=store("second", 3, timeoutSeconds=9))
        await until(lambda: (have("second") or {}).get("spec") == {"timeoutSeconds": 9})
        await http.delete(f"{path}/second")
        await until(lambda: have("second") is None)
    assert "managedFields" not in (have("first") or {})["metadata"]
    assert watch.heard["VectorStore"] >= 4
    theirs = [request for request in kmock if request.method is not None and "aiohttp" not in str(request.headers)]
    assert not [request for request in theirs if str(request.method) in ("PATCH", "PUT")]


async def test_asked_to_begin_anew_it_lists_again(kmock: KubernetesEmulator, watched: tuple[Cache, Watch]) -> None:
    cache, watch = watched
    await until(lambda: cache.get("VectorStore", "default", "first"))
    # Without an event: as if the watch had lost it.
    kmock.objects[STORES, "default", "missed"] = store("missed", 5)
    watch.again()
    await until(lambda: cache.get("VectorStore", "default", "missed"))
