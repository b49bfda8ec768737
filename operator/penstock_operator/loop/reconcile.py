"""One pass over one object."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from penstock.api import FINALIZER, Resource
from penstock.api.meta import Condition, Status
from penstock_operator.loop.conditions import find
from penstock_operator.loop.reconciler import Key, Plan, Reconciler
from penstock_operator.ports import Cluster, Object

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time, in whole seconds, as Kubernetes keeps it."""
    return datetime.now(UTC).replace(microsecond=0)


async def reconcile(
    cluster: Cluster, reconciler: Reconciler[Any, Any], key: Key, clock: Clock = utc_now
) -> float | None:
    """Observe, plan, converge; write the status once, at the end, if it changed.

    Returns:
        Seconds until the next look, or None.
    """
    obj = await cluster.get(*key)
    if obj is None:
        return None
    if "deletionTimestamp" not in obj["metadata"]:
        obj = await _with_finalizer(cluster, obj)
    elif FINALIZER not in obj["metadata"].get("finalizers", ()):
        return None
    resource = reconciler.kind.model_validate(obj)
    observed = await reconciler.observe(resource)
    plan = reconciler.plan(resource, observed, clock())
    for action in plan.actions:
        await reconciler.converge(resource, action)
    if plan.finalized:
        rest = [name for name in obj["metadata"]["finalizers"] if name != FINALIZER]
        await cluster.write_finalizers(obj, rest)
        return None
    await _write_status(cluster, obj, resource, plan)
    return plan.requeue_after


async def _with_finalizer(cluster: Cluster, obj: Object) -> Object:
    finalizers = obj["metadata"].get("finalizers", [])
    if FINALIZER in finalizers:
        return obj
    return await cluster.write_finalizers(obj, [*finalizers, FINALIZER])


async def _write_status(cluster: Cluster, obj: Object, resource: Resource, plan: Plan) -> None:
    plan.status.observed_generation = resource.metadata.generation
    wire = plan.status.to_wire() if isinstance(plan.status, Status) else {}
    if wire == obj.get("status"):
        return
    before = Status.model_validate(obj.get("status") or {})
    written = await cluster.write_status(obj, wire)
    for condition in plan.status.conditions:
        if _is_transition(find(before.conditions, condition.type), condition):
            await cluster.record(
                written,
                "Warning" if condition.status == "False" else "Normal",
                condition.reason,
                condition.message,
            )
    for note in plan.notes:
        await cluster.record(written, "Warning", "Note", note)


def _is_transition(before: Condition | None, after: Condition) -> bool:
    return before is None or (before.status, before.reason) != (after.status, after.reason)
