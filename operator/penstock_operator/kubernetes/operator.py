"""One replica of the operator: watches always, acts while it leads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from lightkube.config.kubeconfig import SingleConfig

from penstock_operator.kubernetes.api import Api
from penstock_operator.kubernetes.audit import Audit
from penstock_operator.kubernetes.cache import Cache
from penstock_operator.kubernetes.cluster import KubernetesCluster
from penstock_operator.kubernetes.events import Recorder
from penstock_operator.kubernetes.kinds import WATCHED
from penstock_operator.kubernetes.lease import Lease, Timing
from penstock_operator.kubernetes.server import Vitals, serving
from penstock_operator.kubernetes.watching import watch
from penstock_operator.loop.manager import Manager
from penstock_operator.loop.reconciler import Reconciler

LEASE = "penstock-operator"


@dataclass(frozen=True)
class Options:
    """How a replica runs."""

    namespace: str
    """Of the lease: where the operator itself lives."""
    identity: str
    """Of this replica."""
    namespaces: Collection[str] = ()
    """To watch; none for all."""
    host: str = "0.0.0.0"  # noqa: S104 - probes and scrapes come to the pod's address
    port: int = 8081
    timing: Timing = field(default_factory=Timing)


Build = Callable[[Api, KubernetesCluster], Sequence[Reconciler[Any, Any]]]
"""Makes the reconcilers over a cluster."""


async def run(config: SingleConfig, build: Build, options: Options) -> None:
    """Run a replica until cancelled.

    Args:
        config: the cluster.
        build: makes the reconcilers.
        options: how to run.

    Raises:
        ExceptionGroup: of a LeaseLost, after which the process must end.
    """
    api = Api.connect(config)
    cache = Cache(WATCHED)
    recorder = Recorder(api, options.identity)
    audit = Audit(api, cache, options.namespaces)
    lease = Lease(api, options.namespace, LEASE, options.identity, options.timing)
    manager = Manager(cluster := KubernetesCluster(api, cache, recorder), build(api, cluster))

    async def work() -> None:
        # Another may have led until now, and its last writes need not have come by the watch yet.
        await audit.mend()
        await manager.run()

    try:
        async with serving(Vitals(audit, lease), options.host, options.port):
            await audit.fill()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(watch(config, cache, options.namespaces), name="watch")
                tasks.create_task(audit.run(), name="audit")
                tasks.create_task(recorder.run(), name="record events")
                tasks.create_task(lease.lead(work), name="lead")
    finally:
        await api.close()
