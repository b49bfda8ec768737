"""The RayClusters that KubeRay's stand-in makes for RayJobs: objects with conditions, and nothing behind them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2

Object = dict[str, Any]
States = Mapping[str, tuple[str, str]]
"""Status and reason of conditions by their type."""

READY: States = {
    "HeadPodReady": ("True", "HeadPodRunningAndReady"),
    "RayClusterProvisioned": ("True", "AllPodRunningAndReadyFirstTime"),
}
"""Of a RayCluster that has come."""


@dataclass(frozen=True)
class Clusters:
    """Makes and deletes the RayCluster of a RayJob; one that is selected is somebody else's to make."""

    http: httpx2.AsyncClient

    async def make(self, job: Object, name: str) -> None:
        """With the RayJob's labels, and owned by it; one that is there stays."""
        if "clusterSelector" in job["spec"]:
            return
        meta = job["metadata"]
        owner = {"apiVersion": "ray.io/v1", "kind": "RayJob", "name": meta["name"], "uid": meta["uid"]}
        made = {"name": name, "labels": meta.get("labels", {}), "ownerReferences": [owner]}
        spec = job["spec"]["rayClusterSpec"]
        body = {"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": made, "spec": spec}
        answer = await self.http.post(_path(job), json=body)
        assert answer.status_code in (201, 409), answer.text

    async def delete(self, job: Object) -> None:
        """The one that its status names."""
        name = job.get("status", {}).get("rayClusterName")
        if name and "clusterSelector" not in job["spec"]:
            await self.http.delete(f"{_path(job)}/{name}")

    async def show(self, job: Object, name: str, states: States) -> None:
        """Write its conditions."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        conditions = [
            {"type": kind, "status": holds, "reason": reason, "message": "", "lastTransitionTime": now}
            for kind, (holds, reason) in states.items()
        ]
        await self.http.patch(
            f"{_path(job)}/{name}/status",
            content=json.dumps({"status": {"conditions": conditions}}),
            headers={"Content-Type": "application/merge-patch+json"},
        )


def _path(job: Object) -> str:
    return f"/apis/ray.io/v1/namespaces/{job['metadata']['namespace']}/rayclusters"
