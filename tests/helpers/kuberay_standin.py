"""A small stand-in for KubeRay's controllers: the status transitions of KubeRay 1.7 over a real API server.

It also does what the garbage collector of Kubernetes does to a RayJob that is deleted in the foreground. Pods and Ray
there are none: `on_run` is told when an entrypoint would start.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2
from kuberay_clusters import READY, Clusters, States

Object = dict[str, Any]
Key = tuple[str, str]

FINALIZER = "ray.io/rayjob-finalizer"


@dataclass(frozen=True)
class Fate:
    """What becomes of a RayJob."""

    ray: str | None = "SUCCEEDED"
    """The last jobStatus; None: it runs until it is deleted."""
    deployment: str = ""
    """The last jobDeploymentStatus, where it is not the one that follows from jobStatus."""
    reason: str = ""
    message: str = ""
    invalid: str = ""
    """What its validation says."""
    conditions: tuple[Mapping[str, str], ...] = ()
    """Of its RayCluster, while it is not ready; with any, it never is."""
    lost: States | None = None
    """What its RayCluster shows from when it does not answer any more, which is for good."""
    starting_seconds: float = 0.0
    pending_seconds: float = 0.0
    """From when Ray knows the job until it starts the entrypoint."""
    running_seconds: float = 0.0
    stopping_seconds: float = 0.0
    retries: bool = False
    """Whether it is shown as Retrying once, as if its backoffLimit were 1."""


@dataclass
class KubeRayStandIn:
    """Plays KubeRay to the RayJobs of a namespace, or of all."""

    http: httpx2.AsyncClient
    namespace: str | None = None
    """Where it plays; None for everywhere."""
    fate: Callable[[Object], Fate] = lambda _: Fate()
    on_run: Callable[[Object], Awaitable[None]] | None = None
    created: list[str] = field(default_factory=list)
    """The uid of each RayJob that was ever seen."""
    started: list[str] = field(default_factory=list)
    """The jobId at each start of an entrypoint."""
    _objects: dict[Key, Object] = field(default_factory=dict)
    _woken: dict[Key, asyncio.Event] = field(default_factory=dict)

    @property
    def _clusters(self) -> Clusters:
        return Clusters(self.http)

    @property
    def path(self) -> str:
        """Of the RayJobs."""
        return f"/apis/ray.io/v1{f'/namespaces/{self.namespace}' if self.namespace else ''}/rayjobs"

    async def run(self) -> None:
        """Play until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                answer = await self.http.get(self.path)
                if not answer.is_success:
                    await asyncio.sleep(0.1)
                    continue
                body = answer.json()
                for obj in body["items"]:
                    self._see("ADDED", obj, tasks)
                await self._follow(body["metadata"]["resourceVersion"], tasks)

    async def _follow(self, version: str, tasks: asyncio.TaskGroup) -> None:
        params = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "300"}
        async with self.http.stream("GET", self.path, params=params, timeout=None) as answer:
            if not answer.is_success:
                return
            async for line in answer.aiter_lines():
                change = json.loads(line)
                if change["type"] == "ERROR":
                    return
                self._see(change["type"], change["object"], tasks)

    def _see(self, type_: str, obj: Object, tasks: asyncio.TaskGroup) -> None:
        meta = obj["metadata"]
        key = meta["namespace"], meta["name"]
        if type_ == "DELETED":
            self._objects.pop(key, None)
        else:
            self._objects[key] = obj
        self._woken.setdefault(key, asyncio.Event()).set()
        if type_ != "DELETED" and meta["uid"] not in self.created:
            self.created.append(meta["uid"])
            tasks.create_task(self._live(key, meta["uid"]))

    async def _live(self, key: Key, uid: str) -> None:
        try:
            await self._play(key, uid)
        except _Deleted as gone:
            await asyncio.sleep(self.fate(gone.obj).stopping_seconds)
            await self._clusters.delete(gone.obj)
            await self._patch(gone.obj, {"metadata": {"finalizers": None}})
        except _Gone:
            return

    async def _play(self, key: Key, uid: str) -> None:
        obj = self._latest(key, uid)
        fate = self.fate(obj)
        if problem := fate.invalid or invalid(obj):
            await self._status(obj, jobDeploymentStatus="ValidationFailed", reason="ValidationFailed", message=problem)
            await self._rest(key, uid)
        await self._patch(obj, {"metadata": {"finalizers": [FINALIZER]}})
        while True:
            cluster = (obj["spec"].get("clusterSelector") or {}).get("ray.io/cluster") or f"{key[1]}-{uid[:5]}"
            await self._status(
                obj,
                jobDeploymentStatus="Initializing",
                jobId=obj["spec"]["jobId"],
                rayClusterName=cluster,
                startTime=_now(),
                failed=0,
                succeeded=0,
            )
            if not await self._suspended(key, uid) and not await self._start(key, uid, fate, cluster):
                await self._rest(key, uid)

    async def _start(self, key: Key, uid: str, fate: Fate, cluster: str) -> bool:
        """Take it to its end; whether it has to begin again."""
        obj = self._latest(key, uid)
        while fate.conditions:
            listed = [{"lastTransitionTime": _now(), **condition} for condition in fate.conditions]
            await self._status(obj, rayClusterStatus={"conditions": listed})
            await self._pause(key, uid, None)
        await self._clusters.make(obj, cluster)
        if await self._pause(key, uid, fate.starting_seconds):
            return True
        await self._clusters.show(obj, cluster, READY)
        url = f"{cluster}-head-svc.{key[0]}.svc.cluster.local:8265"
        await self._status(obj, jobDeploymentStatus="Running", dashboardURL=url)
        if fate.deployment == "Failed" and not fate.ray:
            await self._status(obj, jobDeploymentStatus="Failed", reason=fate.reason, message=fate.message)
            return False
        if fate.pending_seconds:
            await self._status(obj, jobStatus="PENDING", message="Job has not started yet.")
            if await self._pause(key, uid, fate.pending_seconds):
                return True
        self.started.append(obj["spec"]["jobId"])
        await self._status(obj, jobStatus="RUNNING", message="Job is currently running.")
        if self.on_run is not None:
            await self.on_run(obj)
        if fate.lost is not None:
            await self._pause(key, uid, fate.running_seconds)
            await self._clusters.show(obj, cluster, fate.lost)
            await self._status(obj, jobStatusCheckFailureStartTime=_now())
            await self._rest(key, uid)
        if await self._pause(key, uid, fate.running_seconds if fate.ray else None):
            return True
        if fate.retries:
            await self._status(obj, jobDeploymentStatus="Retrying")
            await self._pause(key, uid, 0.3)
            return True
        ended = fate.deployment or ("Failed" if fate.ray == "FAILED" else "Complete")
        reason = fate.reason or ("AppFailed" if ended == "Failed" else None)
        await self._status(
            obj, jobStatus=fate.ray, jobDeploymentStatus=ended, reason=reason, message=fate.message, endTime=_now()
        )
        return False

    async def _suspended(self, key: Key, uid: str) -> bool:
        """Play a suspension, if it is to be suspended, until it is not any more."""
        obj = self._latest(key, uid)
        if not obj["spec"].get("suspend"):
            return False
        await self._status(obj, jobDeploymentStatus="Suspending")
        await self._clusters.delete(self._latest(key, uid))
        cleared = dict.fromkeys(("jobId", "rayClusterName", "dashboardURL", "message", "reason", "jobStatus"))
        await self._status(obj, jobDeploymentStatus="Suspended", **cleared)
        while self._latest(key, uid)["spec"].get("suspend"):
            await self._wait(key, None)
        await self._status(obj, jobDeploymentStatus="", jobStatus="")
        return True

    async def _pause(self, key: Key, uid: str, seconds: float | None) -> bool:
        """Let time pass; whether it was suspended meanwhile, and is not any more."""
        loop = asyncio.get_running_loop()
        until = None if seconds is None else loop.time() + seconds
        while until is None or loop.time() < until:
            if await self._suspended(key, uid):
                return True
            await self._wait(key, None if until is None else until - loop.time())
        return await self._suspended(key, uid)

    async def _rest(self, key: Key, uid: str) -> None:
        while True:
            self._latest(key, uid)
            await self._wait(key, None)

    async def _wait(self, key: Key, seconds: float | None) -> None:
        woken = self._woken[key]
        woken.clear()
        try:
            async with asyncio.timeout(seconds):
                await woken.wait()
        except TimeoutError:
            return

    def _latest(self, key: Key, uid: str) -> Object:
        obj = self._objects.get(key)
        if obj is None or obj["metadata"]["uid"] != uid:
            raise _Gone
        if "deletionTimestamp" in obj["metadata"]:
            raise _Deleted(obj)
        return obj

    async def _status(self, obj: Object, **status: Any) -> None:
        await self._patch(obj, {"status": status}, "/status")

    async def _patch(self, obj: Object, patch: Object, below: str = "") -> None:
        meta = obj["metadata"]
        answer = await self.http.patch(
            f"/apis/ray.io/v1/namespaces/{meta['namespace']}/rayjobs/{meta['name']}{below}",
            content=json.dumps({**patch, "metadata": {**patch.get("metadata", {}), "uid": meta["uid"]}}),
            headers={"Content-Type": "application/merge-patch+json"},
        )
        if answer.status_code in (404, 409):
            raise _Gone
        assert answer.is_success, answer.text


class _Gone(Exception):
    """The RayJob is not there any more."""


class _Deleted(Exception):
    """The RayJob is being deleted."""

    def __init__(self, obj: Object) -> None:
        super().__init__()
        self.obj = obj


def invalid(obj: Object) -> str:
    """What KubeRay's validation says of a RayJob, as far as Penstock could ever break it."""
    spec, selector = obj["spec"], obj["spec"].get("clusterSelector")
    if len(obj["metadata"]["name"]) > 47:
        return "the name of a RayJob has at most 47 characters"
    if spec.get("suspend") and (selector or not spec.get("shutdownAfterJobFinishes")):
        return "what is to be suspended needs shutdownAfterJobFinishes, and a cluster of its own"
    if spec.get("ttlSecondsAfterFinished") and not spec.get("shutdownAfterJobFinishes"):
        return "ttlSecondsAfterFinished needs shutdownAfterJobFinishes"
    if not spec.get("rayClusterSpec") and not selector:
        return "there is neither a cluster spec nor a selector"
    if selector and spec.get("backoffLimit"):
        return "a selected cluster allows no backoffLimit"
    token = ((spec.get("rayClusterSpec") or {}).get("authOptions") or {}).get("mode") == "token"
    if token and not spec["rayClusterSpec"].get("rayVersion"):
        return "a token needs the version of Ray"
    return ""


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
