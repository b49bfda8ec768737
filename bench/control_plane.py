"""How fast, how thrifty and how steady is the operator on a real API server?

    KUBEBUILDER_ASSETS=… python bench/control_plane.py            # 5,000 jobs
    KUBEBUILDER_ASSETS=… python bench/control_plane.py --jobs 500 # a quick look

Starts an etcd and a kube-apiserver of its own, then the peer (a plain kopf operator that creates one child for each
object and patches its status once), then the operator, and prints one JSON object. Run it on a machine that does
nothing else: API server, etcd, operator and this load share its cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).with_suffix("")))
from cluster import AT_ONCE, Cluster
from local import quantile
from loopback import free_ports
from operators import Process, Replica, peer

from penstock.rundir import storage
from penstock.rundir.manifest import MANIFEST, Manifest

NAMESPACE = "default"
JOBS = f"/apis/penstock.dev/v1alpha1/namespaces/{NAMESPACE}/trainingjobs"
PEERS = f"/apis/bench.penstock.dev/v1/namespaces/{NAMESPACE}/peers"
RAY_JOBS = f"/apis/ray.io/v1/namespaces/{NAMESPACE}/rayjobs"
STEP = 1000
HANGING = 100
STALLED_SECONDS = 180


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def job(name: str, address: str | None = None) -> dict[str, Any]:
    spec: dict[str, Any] = {"source": {"type": "Path", "path": "/opt/code"}, "entrypoint": "train.py"}
    if address is not None:
        spec["ray"] = {"type": "RayCluster", "rayCluster": {"address": address}}
    return {
        "apiVersion": "penstock.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": name},
        "spec": spec,
    }


def state(obj: dict[str, Any]) -> str:
    """The state of the newest attempt, as the status tells it."""
    attempts = (obj.get("status") or {}).get("attempts") or [{}]
    return str(attempts[-1].get("state", ""))


def submitted(obj: dict[str, Any]) -> bool:
    """Whether its status says that there is a RayJob."""
    return state(obj) in ("Submitted", "Running")


def commit(artifacts: Path, obj: dict[str, Any]) -> None:
    """Write the manifest of the newest attempt, as its training code would."""
    meta, attempt = obj["metadata"], obj["status"]["attempts"][-1]
    manifest = Manifest(
        namespace=meta["namespace"],
        job=meta["name"],
        uid=meta["uid"],
        attempt=attempt["number"],
        run=attempt["run"],
        entrypoint_digest="sha256:0",
        created_at=datetime.now(UTC),
    ).signed()
    content = manifest.model_dump_json(by_alias=True, exclude_none=True).encode()
    storage.replace(str(artifacts / meta["namespace"] / meta["name"] / attempt["run"] / MANIFEST), content)


class Follower:
    """Notes when the status of each object first says what is waited for."""

    def __init__(self, cluster: Cluster, path: str, says: Any) -> None:
        self._cluster, self._path, self._says = cluster, path, says
        self.at: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def following(self) -> AsyncIterator[Follower]:
        self._task = asyncio.create_task(self._follow())
        await asyncio.sleep(0.3)
        try:
            yield self
        finally:
            self._task.cancel()

    async def _follow(self) -> None:
        async for change in self._cluster.watch(self._path):
            obj = change["object"]
            if self._says(obj):
                self.at.setdefault(obj["metadata"]["name"], time.monotonic())

    async def until(self, count: int) -> None:
        """Wait for so many.

        Raises:
            TimeoutError: they do not come; the operator's log in the temporary folder may say why.
        """
        async with asyncio.timeout(STALLED_SECONDS):
            while len(self.at) < count:
                assert self._task is not None
                assert not self._task.done(), self._task.exception()
                await asyncio.sleep(0.05)


async def load(
    cluster: Cluster, process: Process, path: str, objects: list[dict[str, Any]], says: Any
) -> dict[str, Any]:
    """Create objects as fast as the API server takes them; how long until the status of each says so."""
    before, cpu = await cluster.writes(), process.cpu_seconds()
    follower = Follower(cluster, path, says)
    async with follower.following():
        started = time.monotonic()
        await cluster.each(("POST", path, obj, "application/json") for obj in objects)
        created = time.monotonic()
        await follower.until(len(objects))
    took = max(follower.at.values()) - started
    writes = await cluster.writes() - before
    # The creation is the user's.
    writes[path.rsplit("/", 1)[1]] -= len(objects)
    return {
        "objects": len(objects),
        "per_second": round(len(objects) / took, 1),
        "created_per_second": round(len(objects) / (created - started), 1),
        "cpu_ms_each": round((process.cpu_seconds() - cpu) / len(objects) * 1000, 2),
        "writes_each": {name: round(count / len(objects), 2) for name, count in writes.items() if name != "leases"},
    }


async def measure_peer(cluster: Cluster, folder: Path, count: int) -> dict[str, Any]:
    process = peer(cluster.kubeconfig, folder)
    await asyncio.sleep(4)
    objects = [
        {"apiVersion": "bench.penstock.dev/v1", "kind": "Peer", "metadata": {"name": f"peer-{n}"}, "spec": {}}
        for n in range(count)
    ]
    found = await load(
        cluster,
        process,
        PEERS,
        objects,
        lambda obj: "child" in (obj.get("status") or {}).get("create", obj.get("status") or {}),
    )
    found["memory_mb"] = process.memory_mb()
    await process.end()
    return found


class Bench:
    """One operator and what is asked of it, one question after the other."""

    def __init__(self, cluster: Cluster, folder: Path, jobs: int) -> None:
        self.cluster, self.folder, self.jobs = cluster, folder, jobs
        self.hanging, *self.ports = free_ports(6)
        self.installation = folder / "installation.json"
        self.artifacts = folder / "artifacts"
        installation = {
            "artifacts": str(self.artifacts),
            "platformImage": "penstock/ray:bench",
            "ray": {"type": "KubeRay", "kubeRay": {}},
        }
        self.installation.write_text(json.dumps(installation))

    def start(self) -> Replica:
        return Replica(self.cluster.kubeconfig, self.installation, self.ports.pop(), self.folder)

    async def run(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        replica = self.start()
        await replica.leads()
        found["memory_mb_empty"] = replica.memory_mb()
        steps = []
        for first in range(0, self.jobs, STEP):
            jobs = [job(f"job-{number}") for number in range(first, min(first + STEP, self.jobs))]
            steps.append(await load(self.cluster, replica, JOBS, jobs, submitted))
            say(f"{first + len(jobs)} jobs: {steps[-1]}")
        found["steps"] = steps
        found |= await self.finish()
        found["jobs_per_second"] = [step["per_second"] for step in steps]
        found |= await self.idle(replica)
        found |= await self.reaction(replica)
        await replica.end()
        restart, replica = await self.restart()
        found |= restart
        found |= await self.failover(replica)
        return found

    async def finish(self) -> dict[str, Any]:
        """Let every job end well, as KubeRay and the training code would."""
        before = await self.cluster.writes()
        jobs = [obj for obj in (await self.cluster.call("GET", JOBS))["items"] if submitted(obj)]
        follower = Follower(self.cluster, JOBS, lambda obj: state(obj) == "Succeeded")
        async with follower.following():
            started = time.monotonic()
            await asyncio.to_thread(lambda: [commit(self.artifacts, obj) for obj in jobs])
            committed = time.monotonic()
            names = [obj["metadata"]["name"] for obj in (await self.cluster.call("GET", RAY_JOBS))["items"]]
            ended = {"status": {"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED"}}
            merge = "application/merge-patch+json"
            await self.cluster.each(("PATCH", f"{RAY_JOBS}/{name}/status", ended, merge) for name in names)
            await follower.until(len(jobs))
        await asyncio.sleep(5)
        writes = await self.cluster.writes() - before
        writes["rayjobs"] -= len(names)
        say(f"all ended: {dict(writes)}, {committed - started:.1f} s for the manifests")
        return {
            "ended_per_second": round(len(jobs) / (max(follower.at.values()) - committed), 1),
            "writes_each_at_the_end": {
                name: round(count / len(jobs), 2) for name, count in writes.items() if count and name != "leases"
            },
        }

    async def idle(self, replica: Replica) -> dict[str, Any]:
        await replica.settled(0)
        await asyncio.sleep(5)
        cpu, started = replica.cpu_seconds(), time.monotonic()
        await asyncio.sleep(90 if self.jobs >= STEP else 20)
        share = (replica.cpu_seconds() - cpu) / (time.monotonic() - started)
        return {
            "memory_mb_settled": replica.memory_mb(),
            "memory_mb_peak": replica.peak_mb(),
            "idle_cpu_percent": round(100 * share, 2),
        }

    async def restart(self) -> tuple[dict[str, Any], Replica]:
        before = await self.cluster.writes()
        started = time.monotonic()
        replica = self.start()
        await replica.settled(self.jobs)
        took = time.monotonic() - started
        writes = await self.cluster.writes() - before
        writes.pop("leases", None)
        return {"restart_settled_seconds": round(took, 1), "restart_writes": dict(writes)}, replica

    async def reaction(self, replica: Replica) -> dict[str, Any]:
        """Seconds from the creation of a job to its end, without and with Rays that hang beside it."""
        without = await self.times("calm")
        address = f"http://127.0.0.1:{self.hanging}"
        hanging = [job(f"hangs-{number}", f"{address}/{number}") for number in range(HANGING)]
        await self.cluster.each(("POST", JOBS, obj, "application/json") for obj in hanging)
        await asyncio.sleep(3)
        beside = await self.times("beside")
        await self.cluster.each(
            [("DELETE", f"{JOBS}/hangs-{number}", None, "application/json") for number in range(HANGING)]
        )
        return {
            "reaction_p50_ms": quantile(without, 0.5),
            "reaction_p99_ms": quantile(without, 0.99),
            "reaction_p50_ms_with_hanging_rays": quantile(beside, 0.5),
            "reaction_p99_ms_with_hanging_rays": quantile(beside, 0.99),
        }

    async def times(self, name: str) -> list[float]:
        follower = Follower(self.cluster, JOBS, submitted)
        sent: dict[str, float] = {}
        async with follower.following():
            for number in range(300):
                one = f"{name}-{number}"
                sent[one] = time.monotonic()
                await self.cluster.call("POST", JOBS, job(one))
                await asyncio.sleep(0.05)
            await follower.until(len(sent))
        return [follower.at[one] - at for one, at in sent.items()]

    async def failover(self, first: Replica) -> dict[str, Any]:
        second = self.start()
        await second.settled(0)
        stopped = time.monotonic()
        await first.end()
        handed = await second.leads() - stopped
        third = self.start()
        await third.settled(0)
        killed = time.monotonic()
        await second.end(signal.SIGKILL)
        taken = await third.leads() - killed
        await third.end()
        return {"failover_stop_seconds": round(handed, 2), "failover_kill_seconds": round(taken, 2)}


class HangingRay:
    """Takes connections and never answers."""

    def __init__(self) -> None:
        # Held here, so that no waiting connection is collected.
        self.answer = asyncio.Event()

    async def take(self, _: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        """Wait for ever."""
        with suppress(asyncio.CancelledError):
            await self.answer.wait()


async def measure(jobs: int, peers: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with Cluster(folder) as cluster:
            say("The API server is up")
            found: dict[str, Any] = {"cores": os.cpu_count(), "load_before": os.getloadavg()[0], "at_once": AT_ONCE}
            found["peer"] = await measure_peer(cluster, folder, peers)
            say(f"peer: {found['peer']}")
            bench = Bench(cluster, folder, jobs)
            await asyncio.start_server(HangingRay().take, "127.0.0.1", bench.hanging)
            return found | await bench.run()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--peers", type=int, default=1000)
    flags = parser.parse_args()
    print(json.dumps(asyncio.run(measure(flags.jobs, flags.peers))))


if __name__ == "__main__":
    main()
