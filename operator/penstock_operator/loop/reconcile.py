"""One pass over one object."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog

from penstock.api import FINALIZER, Resource
from penstock.api.meta import Condition, ReconciledReason, Status
from penstock_operator.loop.conditions import find
from penstock_operator.loop.failures import Failure, classify
from penstock_operator.loop.finalizing import finalize, hold_seconds
from penstock_operator.loop.key import Key
from penstock_operator.loop.kind import AnyKind
from penstock_operator.loop.parse import InvalidObject, parse
from penstock_operator.loop.plan import ALWAYS, Failed, Plan
from penstock_operator.loop.reconciled import RECONCILED, failing, show_failure, succeeding
from penstock_operator.ports import Cluster, ClusterUnreachable, Invalid, Object

Clock = Callable[[], datetime]
CLEANUP_SECONDS = 15.0
"""Until a clean-up that failed is tried again at the latest."""

log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """The time, in whole seconds, as Kubernetes keeps it."""
    return datetime.now(UTC).replace(microsecond=0)


async def reconcile(
    cluster: Cluster, kind: AnyKind, key: Key, clock: Clock = utc_now, since: datetime = ALWAYS
) -> float | None:
    """Observe, plan, converge; write the status once, at the end, if it changed.

    A pass that fails is told on the object, and raises. A deleted object goes after a while whatever fails.

    Args:
        cluster: the objects.
        kind: of the object.
        key: which object.
        clock: tells the time.
        since: from when on this process has looked at its objects.

    Returns:
        Seconds until the next look, or None.
    """
    obj = await cluster.get(*key)
    if obj is None:
        return None
    if "deletionTimestamp" in obj["metadata"] and FINALIZER not in obj["metadata"].get("finalizers", ()):
        return None
    try:
        return await _pass(cluster, kind, obj, clock, since)
    except Exception as error:
        # What the Kubernetes API has no time for is not told by another call, and lets nothing go.
        if classify(error) is Failure.STALE or isinstance(error, ClusterUnreachable):
            raise
        rest = hold_seconds(obj, clock(), since, shown=await show_failure(cluster, key, error, clock()))
        if rest is None or (rest > 0 and not isinstance(error, InvalidObject)):
            raise
        if rest > 0:
            return rest
        await finalize(cluster, await cluster.get(*key) or obj, [f"What it made may stay behind: {_text(error)}"])
        return None


async def _pass(cluster: Cluster, kind: AnyKind, obj: Object, clock: Clock, since: datetime) -> float | None:
    # An object that cannot be read gets no finalizer: nothing could be done for it at its end.
    resource = parse(kind.model, obj)
    if "deletionTimestamp" not in obj["metadata"]:
        obj = await _with_finalizer(cluster, obj)
    observed = await kind.observe(resource)
    now = clock()
    plan = kind.plan(resource, observed, now, since)
    plan = await _act(kind, resource, plan)
    failed = await _clean_up(kind, resource, plan)
    left = plan.conclude(failed)
    if plan.finalized and (not failed or _given_up(obj, failed, now, since)):
        stays = [f"{action} stays behind: {_text(error)}" for action, error in failed]
        await finalize(cluster, obj, [*plan.notes, *stays])
        return None
    conditions, generation = plan.status.conditions, resource.metadata.generation
    plan.status.conditions = (
        failing(conditions, ReconciledReason.CLEANUP_FAILED, left, generation, now)
        if left
        else succeeding(conditions, generation, now)
    )
    await _write_status(cluster, obj, resource, plan)
    if not failed:
        return plan.requeue_after
    return CLEANUP_SECONDS if plan.requeue_after is None else min(plan.requeue_after, CLEANUP_SECONDS)


async def _act(kind: AnyKind, resource: Resource, plan: Plan[Any]) -> Plan[Any]:
    """Do what was planned; the plan that holds then, another one where the first action is refused for good."""
    for number, action in enumerate(plan.actions):
        try:
            await kind.converge(resource, action)
        except Invalid as error:
            if number > 0 or plan.refusal is None:
                raise
            return await _act(kind, resource, plan.refusal(str(error)))
    return plan


def _given_up(obj: Object, failed: Failed, now: datetime, since: datetime) -> bool:
    """Whether a deleted object has been held long enough for what could not be removed."""
    away = any(isinstance(error, ClusterUnreachable) for _, error in failed)
    return not away and (hold_seconds(obj, now, since) or 0.0) <= 0


async def _with_finalizer(cluster: Cluster, obj: Object) -> Object:
    finalizers = obj["metadata"].get("finalizers", [])
    if FINALIZER in finalizers:
        return obj
    return await cluster.write_finalizers(obj, [*finalizers, FINALIZER])


async def _clean_up(kind: AnyKind, resource: Resource, plan: Plan[Any]) -> Failed:
    failed: list[tuple[Any, Exception]] = []
    for action in plan.cleanup:
        try:
            await kind.converge(resource, action)
        except Exception as error:
            meta = resource.metadata
            bug = error if classify(error) is Failure.BUG else None
            log.warning(
                "Clean-up failed",
                kind=resource.kind,
                namespace=meta.namespace,
                name=meta.name,
                what=str(action),
                error=str(error),
                exc_info=bug,
            )
            failed.append((action, error))
    return failed


async def _write_status(cluster: Cluster, obj: Object, resource: Resource, plan: Plan[Any]) -> None:
    plan.status.observed_generation = resource.metadata.generation
    wire = plan.status.to_wire() if isinstance(plan.status, Status) else {}
    if wire == obj.get("status"):
        return
    before = Status.model_validate(obj.get("status") or {})
    written = await cluster.write_status(obj, wire)
    for condition in plan.status.conditions:
        if _is_transition(find(before.conditions, condition.type), condition, type(resource)):
            await cluster.record(
                written,
                "Warning" if condition.status == "False" else "Normal",
                condition.reason,
                condition.message,
            )
    for note in plan.notes:
        await cluster.record(written, "Warning", "Note", note)


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__


def _is_transition(before: Condition | None, after: Condition, model: type[Resource]) -> bool:
    """Whether a change of a condition is worth an event: its status changed, or there is something to do about it.

    On the first visit nothing has changed yet, unless all is well at once.
    """
    if after.type in model.MIRRORS:
        return False
    if before is None:
        changed = after.status == "True" and after.type != RECONCILED
    elif before.status != after.status:
        return True
    else:
        changed = False
    reasons = {**model.CONDITIONS, **model.COMMON_CONDITIONS}.get(after.type, ())
    remedy = any(reason.remedy for reason in reasons if reason == after.reason)
    return changed or (remedy and (before is None or before.reason != after.reason))
