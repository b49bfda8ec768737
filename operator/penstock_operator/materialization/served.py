"""Whether the gateways answer with the run that the pointer names, as they themselves say. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from penstock.api.materialization import Active, ServedReason
from penstock.heartbeat import Heartbeat, from_lease
from penstock_operator.loop.conditions import Truth

GRACE = timedelta(seconds=60)
"""How long gateways may take to load a run, before it is said that they do not serve it."""
NAMED = 5
"""Replicas that a message names."""


class Verdict(NamedTuple):
    """The condition `Served`, and when it may say something else though nothing happens."""

    truth: Truth
    reason: ServedReason
    message: str
    again: datetime | None = None


def heartbeats(leases: Iterable[dict[str, Any]], now: datetime) -> list[Heartbeat]:
    """What the gateways say that live, out of the Leases that bear the labels of `penstock.heartbeat`."""
    found = [beat for lease in leases if (beat := from_lease(lease)) is not None and beat.lives(now)]
    return sorted(found, key=lambda beat: beat.replica)


def served(
    namespace: str, name: str, active: Active | None, replicas: Sequence[Heartbeat], now: datetime, since: datetime
) -> Verdict:
    """What becomes of a Materialization in the gateways.

    Args:
        namespace: of the Materialization.
        name: of it.
        active: its pointer.
        replicas: what the live gateways say.
        now: the time.
        since: when this process began to look: no time that passed before counts.
    """
    asked = [beat for beat in replicas if beat.serves(namespace)]
    if not asked:
        return Verdict("Unknown", ServedReason.NO_GATEWAY, "No gateway is known that serves this namespace")
    if active is None:
        return Verdict("Unknown", ServedReason.NO_RUN, "There is no run to serve")
    lacking = {beat.replica: said for beat in asked if (said := _lacking(beat, namespace, name, active)) is not None}
    if not lacking:
        return Verdict("True", ServedReason.SERVED, f"Run {active.run} answers in {_count(len(asked))}")
    due = max(active.switched_at, since) + GRACE
    told = "; ".join(f"{replica}: {said}" for replica, said in list(lacking.items())[:NAMED])
    more = f", and {len(lacking) - NAMED} more" if len(lacking) > NAMED else ""
    message = f"Run {active.run} does not answer in {len(lacking)} of {_count(len(asked))}: {told}{more}"
    if now < due:
        return Verdict("Unknown", ServedReason.LOADING, message, due)
    return Verdict("False", ServedReason.NOT_LOADED, message)


def _lacking(beat: Heartbeat, namespace: str, name: str, active: Active) -> str | None:
    """Why a replica does not answer with the active run; None where it does."""
    behind = next((one for one in beat.behind if (one.namespace, one.name) == (namespace, name)), None)
    if behind is not None and behind.uid == active.staged_run_ref.uid:
        return behind.problem or "it is being loaded"
    if beat.seen is None:
        return "it does not follow the pointers: its log says why"
    if behind is not None or beat.seen < active.switched_at:
        return "it has not seen the switch yet"
    if beat.more:
        return f"it is behind with {len(beat.behind) + beat.more} materializations, more than it can name"
    return None


def _count(replicas: int) -> str:
    return f"{replicas} gateway" if replicas == 1 else f"{replicas} gateways"
