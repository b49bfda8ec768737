"""`python -m penstock_operator.kubernetes`: run a replica of the operator until SIGTERM or SIGINT.

Exit codes: 0 it was asked to stop, 1 it cannot go on (the lease is lost, or the API refuses what it needs).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import secrets
import signal
import socket
from collections.abc import Sequence

import httpx2
import structlog
import uvloop

from penstock.api import StagedRun, TrainingJob
from penstock.api.ray import KubeRay
from penstock.installation import Installation
from penstock.kubeapi.context import from_environment
from penstock.kubeapi.errors import KubeconfigError
from penstock_operator.adapters.artifacts import FileArtifacts
from penstock_operator.adapters.feast.features import FeastFeatures
from penstock_operator.adapters.milvus.vectors import MilvusVectors
from penstock_operator.adapters.ray.backends import RayBackends
from penstock_operator.adapters.ray.kuberay.jobs import KubeRayJobs
from penstock_operator.kinds import chores, kinds
from penstock_operator.kubernetes.api import Api
from penstock_operator.kubernetes.cluster import KubernetesCluster
from penstock_operator.kubernetes.fence import exit_now
from penstock_operator.kubernetes.gateways import LeasedGateways
from penstock_operator.kubernetes.lease import LeaseLost
from penstock_operator.kubernetes.logs import log_as_json
from penstock_operator.kubernetes.operator import Build, Options, Work, run
from penstock_operator.ports import Refused, World

GARBAGE = (10_000, 10, 20)
"""New objects between two looks for garbage, by age; Python's own 700 look at the whole cache again and again."""

log = structlog.get_logger(__name__)


def world(installation: Installation, namespace: str) -> Build:
    """What makes the work over a cluster, with the real Ray, Feast, Milvus and artifacts, and its own gateways."""

    def build(api: Api, cluster: KubernetesCluster) -> Work:
        def kube_ray(owner: TrainingJob | StagedRun, spec: KubeRay, http: httpx2.AsyncClient) -> KubeRayJobs:
            return KubeRayJobs(cluster, owner, spec, installation, http)

        rays = RayBackends(cluster, installation, kube_ray)
        artifacts = FileArtifacts(installation.artifacts)
        gateways = LeasedGateways(api, namespace)
        parts = World(cluster, rays, FeastFeatures(), MilvusVectors(), artifacts, installation, gateways)
        return Work(kinds(parts), chores(parts))

    return build


async def serve(options: Options, installation: Installation) -> None:
    """Run until asked to stop."""
    running = asyncio.ensure_future(run(from_environment(), world(installation, options.namespace), options))
    asked: list[int] = []

    def stop(number: int) -> None:
        # Once: a second cancellation would end the clean-up of the first.
        if not asked:
            asked.append(number)
            running.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    try:
        await running
    except asyncio.CancelledError:
        if not asked:
            raise


async def live(options: Options) -> None:
    """Serve, then end the process at once: the way out of `asyncio.run` waits for threads."""
    code = 1
    try:
        await serve(options, Installation.load())
        code = 0
    except* (LeaseLost, Refused, KubeconfigError, OSError) as errors:
        for error in errors.exceptions:
            log.error("Cannot go on", error=str(error))
    except* Exception:
        log.exception("Cannot go on")
    exit_now(code)


def identity() -> str:
    """The pod's name, whose containers never run side by side; elsewhere a name that no other process has."""
    return os.environ.get("POD_NAME") or f"{socket.gethostname()}_{secrets.token_hex(4)}"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(
        prog="python -m penstock_operator.kubernetes",
        description="Run a replica of the operator. KUBECONFIG, or the service account of the pod, says where the API "
        "is; PENSTOCK_INSTALLATION names the file with the installation's defaults.",
        epilog="example: KUBECONFIG=~/.kube/config PENSTOCK_INSTALLATION=installation.json "
        "python -m penstock_operator.kubernetes --lease-namespace penstock",
    )
    namespace = os.environ.get("POD_NAMESPACE", "default")
    parser.add_argument("--namespace", action="append", default=[], help="to watch; repeat it; without it, all")
    parser.add_argument("--lease-namespace", default=namespace, help="of the Lease that the replicas share")
    parser.add_argument("--identity", default=identity(), help="of this replica: another for each")
    parser.add_argument("--host", default=Options.host, help="address for health and metrics")
    parser.add_argument("--port", type=int, default=Options.port, help="port for health and metrics")
    parser.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])
    return parser.parse_args(arguments)


def main() -> None:
    """Parse the flags, run, and end the process."""
    flags = parse()
    log_as_json(flags.log_level)
    options = Options(
        namespace=flags.lease_namespace,
        identity=flags.identity,
        namespaces=tuple(flags.namespace),
        host=flags.host,
        port=flags.port,
    )
    gc.set_threshold(*GARBAGE)
    uvloop.run(live(options))


if __name__ == "__main__":
    main()
