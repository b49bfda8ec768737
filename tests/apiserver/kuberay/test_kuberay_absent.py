"""A cluster without KubeRay: nothing breaks, the object says what to do, and KubeRay may come later."""

from __future__ import annotations

from typing import Any

import httpx2
from kuberay_standin import definitions

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


async def test_kuberay_may_be_missing_and_come_later(site: Any, apiserver: httpx2.Client) -> None:
    def serve(served: bool) -> bool:
        for definition in definitions():
            answer = apiserver.patch(
                f"{CRDS}/{definition['metadata']['name']}",
                json=[{"op": "replace", "path": "/spec/versions/0/served", "value": served}],
                headers={"Content-Type": "application/json-patch+json"},
            )
            assert answer.is_success, answer.text
        kinds = [apiserver.get(f"/apis/ray.io/v1/{plural}").is_success for plural in ("rayjobs", "rayclusters")]
        return kinds == [served, served]

    await site.until(lambda: serve(False))
    try:
        async with site.operator(everywhere=True):
            site.apply()
            message = await site.until_reason("Refused", "Reconciled")
            assert "Install KubeRay, or set spec.ray.rayCluster" in message
            await site.until(lambda: serve(True))
            await site.until(lambda: site.condition()[1] == "Completed", 60)
            assert site.condition(type_="Reconciled") == ("", "", "")
    finally:
        await site.until(lambda: serve(True))
