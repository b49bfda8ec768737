"""A cluster without KubeRay: nothing breaks, the object says what to do, and KubeRay may come later."""

from __future__ import annotations

from typing import Any

import httpx2
from kuberay_definitions import definitions

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


async def test_kuberay_may_be_missing_and_come_later(site: Any, apiserver: httpx2.Client) -> None:
    def remove() -> bool:
        for definition in definitions():
            apiserver.delete(f"{CRDS}/{definition['metadata']['name']}")
        listed = apiserver.get("/apis/ray.io/v1/rayjobs")
        for obj in listed.json()["items"] if listed.is_success else ():
            meta = obj["metadata"]
            apiserver.patch(
                f"/apis/ray.io/v1/namespaces/{meta['namespace']}/rayjobs/{meta['name']}",
                json={"metadata": {"finalizers": None}},
                headers={"Content-Type": "application/merge-patch+json"},
            )
        return not listed.is_success

    def add() -> bool:
        for definition in definitions():
            apiserver.post(CRDS, json=definition)
        return all(apiserver.get(f"/apis/ray.io/v1/{plural}").is_success for plural in ("rayjobs", "rayclusters"))

    await site.until(remove)
    try:
        async with site.operator(everywhere=True):
            site.apply()
            message = await site.until_reason("Refused", "Reconciled")
            assert "Install KubeRay, or set spec.ray.rayCluster" in message
            await site.until(add)
            # What was refused is tried again rarely; a change of the spec is looked at at once.
            site.change(historyLimit=4)
            await site.until_reason("Completed")
            assert site.condition(type_="Reconciled") == ("True", "Reconciled", "")
    finally:
        await site.until(add)
