"""The condition Reconciled: False while passes over an object fail, True once one succeeds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from pydantic import ValidationError

from penstock.api.meta import Condition, Reason, ReconciledReason
from penstock.wiresize import shortened
from penstock_operator.loop.conditions import MESSAGE_BYTES, find, with_condition
from penstock_operator.loop.failures import reason_of
from penstock_operator.loop.key import Key
from penstock_operator.ports import Cluster, Object

RECONCILED = "Reconciled"
VARYING = re.compile(r"\b(?:0x)?[0-9a-f-]*\d[0-9a-f-]*\b", re.IGNORECASE)
"""Numbers, addresses and ids."""

log = structlog.get_logger(__name__)


def succeeding(conditions: Sequence[Condition], generation: int, now: datetime) -> list[Condition]:
    """The conditions of an object whose pass succeeded."""
    reason = ReconciledReason.RECONCILED
    return with_condition(conditions, RECONCILED, "True", reason, "", generation=generation, now=now)


def failing(
    conditions: Sequence[Condition], reason: Reason, message: str, generation: int, now: datetime
) -> list[Condition]:
    """The conditions of an object whose pass failed.

    A message that differs in numbers alone (a port, an id, a time) stays as it was: to write it would wake the next
    pass, which would fail with other numbers, and so on.
    """
    before, message = find(conditions, RECONCILED), shortened(message, MESSAGE_BYTES)
    same = before is not None and (before.reason, before.observed_generation) == (reason, generation)
    if before is not None and same and VARYING.sub("", before.message) == VARYING.sub("", message):
        return list(conditions)
    return with_condition(conditions, RECONCILED, "False", reason, message, generation=generation, now=now)


async def show_failure(cluster: Cluster, key: Key, error: Exception, now: datetime) -> bool:
    """Show on the object why a pass over it failed; the rest of its status stays as it is.

    Returns:
        Whether it could be shown; the failure is in the log too.
    """
    try:
        obj = await cluster.get(*key)
        if obj is not None:
            await _write(cluster, obj, *reason_of(error), now)
    except Exception as second:  # noqa: BLE001 - the first failure matters, and is raised by the caller
        log.warning("Failure not shown", kind=key.kind, namespace=key.namespace, name=key.name, error=str(second))
        return False
    return True


async def _write(cluster: Cluster, obj: Object, reason: Reason, message: str, now: datetime) -> None:
    # On the wire, as it is: a status that this version cannot read must not be lost.
    status: dict[str, Any] = dict(obj.get("status") or {})
    others = [one for one in status.get("conditions") or [] if one.get("type") != RECONCILED]
    before = _own(status)
    after = failing(before, reason, message, obj["metadata"].get("generation", 0), now)
    if after == before:
        return
    status["conditions"] = [*others, *(condition.to_wire() for condition in after)]
    written = await cluster.write_status(obj, status)
    if [one.reason for one in before] != [one.reason for one in after]:
        await cluster.record(written, "Warning", str(reason), message)


def _own(status: dict[str, Any]) -> list[Condition]:
    found = [one for one in status.get("conditions") or [] if one.get("type") == RECONCILED]
    try:
        return [Condition.model_validate(one) for one in found]
    except ValidationError:
        return []
