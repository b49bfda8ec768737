"""One replica of the operator: watches always, acts while it leads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from penstock.kubeapi.context import Context
from penstock_operator.kubernetes import audit, lease
from penstock_operator.kubernetes.api import Api
from penstock_operator.kubernetes.audit import Audit
from penstock_operator.kubernetes.cache import Cache
from penstock_operator.kubernetes.cluster import KubernetesCluster
from penstock_operator.kubernetes.events import Recorder
from penstock_operator.kubernetes.fence import Watchdog, fenced
from penstock_operator.kubernetes.kinds import WATCHED
from penstock_operator.kubernetes.lease import Lease
from penstock_operator.kubernetes.metrics import Metrics
from penstock_operator.kubernetes.server import Vitals, listening
from penstock_operator.kubernetes.watching import Watch
from penstock_operator.loop.kind import AnyKind
from penstock_operator.loop.manager import Manager

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
    lease: lease.Timing = field(default_factory=lease.Timing)
    audit: audit.Timing = field(default_factory=audit.Timing)


class Work(NamedTuple):
    """What a replica does while it leads."""

    kinds: Sequence[AnyKind]
    chores: Sequence[Callable[[], Coroutine[Any, Any, None]]] = ()
    """Beside them; none ends by itself."""


Build = Callable[[Api, KubernetesCluster], Work]
"""Makes the work over a cluster."""


async def run(context: Context, build: Build, options: Options) -> None:
    """Run a replica until cancelled.

    When it returns, another may lead: whoever calls this has to end the process at once, and the threads in it that
    still call a store.

    Args:
        context: the cluster, and who the replica is there.
        build: makes the kinds.
        options: how to run.

    Raises:
        ExceptionGroup: of a LeaseLost, after which the process must end too.
    """
    # The lease has connections of its own: it must not wait behind thousands of other calls.
    async with Api(context) as own:
        leadership = Lease(own, options.namespace, LEASE, options.identity, options.lease)
        try:
            async with Api(context, leadership.check) as api:
                with Watchdog(leadership):
                    await Replica(context, api, leadership, build, options).run()
        finally:
            await leadership.release()


class Replica:
    """The parts of a replica, and how they run together."""

    def __init__(self, context: Context, api: Api, leadership: Lease, build: Build, options: Options) -> None:
        self._options, self._lease = options, leadership
        cache = Cache(WATCHED)
        self._metrics = metrics = Metrics(cache, leadership)
        self._watch = Watch(context, cache, options.namespaces)
        self._audit = Audit(api, cache, self._watch, options.namespaces, options.audit)
        self._recorder = Recorder(api, options.identity, options.namespace, LEASE)
        cluster = KubernetesCluster(api, cache, self._recorder, metrics)
        work = build(api, cluster)
        self._chores = work.chores
        kinds = [fenced(one, leadership.check, metrics.converged) for one in work.kinds]
        self._manager = Manager(cluster, kinds, observer=metrics.passed)
        metrics.watch_queue(self._manager.queue, lambda: self._audit.oldest)
        metrics.watch_watches(self._watch.streams.silent, self._audit.missed)

    async def run(self) -> None:
        """Run until cancelled, and come back when nothing acts any more."""
        async with listening(Vitals(self._audit, self._lease, self._metrics), self._options.host, self._options.port):
            await self._audit.fill()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch.run(), name="watch")
                tasks.create_task(self._audit.run(), name="audit")
                tasks.create_task(self._lease.lead(self._work), name="lead")

    async def _work(self) -> None:
        # Another may have led until now, and its last writes need not have come by the watch yet.
        await self._audit.mend()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._recorder.run(), name="record events")
            tasks.create_task(self._manager.run(), name="reconcile")
            for chore in self._chores:
                tasks.create_task(chore())
