"""Who still needs a store."""

from __future__ import annotations

from penstock.api import FINALIZER
from penstock_operator import references
from penstock_operator.loop.wire import entries
from penstock_operator.ports import Cluster, Object
from penstock_operator.stores.driver import Driver, K


async def users_of(cluster: Cluster, namespace: str, store: str, driver: Driver[K]) -> tuple[str, ...]:
    """The views or collections on a store, and the StagedRuns with data in it; not those that have cleaned up."""
    views = await cluster.referring(driver.view, namespace, references.store, store)
    runs = await cluster.referring("StagedRun", namespace, driver.staged, store)
    users = [*views, *(run for run in runs if _has_data(run, store, driver.output))]
    return tuple(f"{obj['kind']} {obj['metadata']['name']}" for obj in users if not _done(obj))


def _has_data(run: Object, store: str, kind: str) -> bool:
    """Whether it has data in a store, or may have: what it makes is named before it is made."""
    outputs = entries(run, "status", "outputs")
    return any((output.get("store"), output.get("kind")) == (store, kind) for output in outputs)


def _done(obj: Object) -> bool:
    """Whether it is being deleted and has cleaned up: what it waits for then is not ours."""
    meta = obj["metadata"]
    return "deletionTimestamp" in meta and FINALIZER not in meta.get("finalizers", ())
