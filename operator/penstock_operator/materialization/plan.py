"""From a Materialization and what was observed to its next status and actions. Pure."""

from __future__ import annotations

from datetime import datetime

from penstock.api.materialization import Materialization, MaterializationReason, ServedReason
from penstock_operator.loop.away import Away
from penstock_operator.loop.conditions import Truth
from penstock_operator.loop.plan import ALWAYS, Failed, Plan, trouble
from penstock_operator.materialization.deletion import delete
from penstock_operator.materialization.history import surplus
from penstock_operator.materialization.observed import Action, Observed
from penstock_operator.materialization.passes import Pass
from penstock_operator.materialization.pointer import record
from penstock_operator.materialization.promotion import outdated, promote
from penstock_operator.materialization.served import served
from penstock_operator.materialization.staging import stage

RECHECK_SECONDS = 10.0
"""Until the gateways are asked again whether they serve what is not served yet."""
LOADING_SECONDS = 2.0
"""Until they are asked again that were loading it a moment ago."""
SERVED_SECONDS = 60.0
"""Until they are asked again whether they still do."""


def plan(mat: Materialization, seen: Observed, now: datetime, since: datetime = ALWAYS) -> Plan[Action]:
    """Stage, promote, retire: each sees what the one before it decided."""
    this = Pass(mat, seen, now, since)
    if mat.metadata.deletion_timestamp is not None:
        return delete(this)
    staging = stage(this)
    promoted = promote(this)
    this.condition("Ready", *_ready(this))
    this.condition("Staged", staging.truth, staging.reason, staging.message)
    this.condition("Promoted", *promoted)
    after = _served(this)
    if this.status.active != mat.status.active or staging.actions:
        # What was decided is written before anything is retired for it.
        return Plan(this.status, staging.actions, after if staging.actions else 0)
    if (pointer := record(this)) is None:
        return Plan(this.status, requeue_after=after, cleanup=surplus(this))

    def conclude(failed: Failed) -> str:
        if not any(action is pointer for action, _ in failed):
            this.status.recorded = pointer.digest
        return trouble(failed)

    return Plan(this.status, requeue_after=after, cleanup=[pointer, *surplus(this)], conclude=conclude)


def _served(this: Pass) -> float:
    """Set the condition Served; seconds until the gateways are asked again."""
    meta, replicas = this.mat.metadata, this.seen.replicas
    if isinstance(replicas, Away):
        this.condition("Served", "Unknown", ServedReason.NO_GATEWAY, replicas.cause)
        return RECHECK_SECONDS
    verdict = served(meta.namespace, meta.name, this.status.active, replicas, this.now, this.since)
    this.condition("Served", verdict.truth, verdict.reason, verdict.message)
    if verdict.reason is ServedReason.LOADING:
        return LOADING_SECONDS
    waiting = this.status.active is not None and verdict.truth != "True"
    return RECHECK_SECONDS if waiting or this.seen.missing else SERVED_SECONDS


def _ready(this: Pass) -> tuple[Truth, MaterializationReason, str]:
    """Whether a run is served: the first that is true says so."""
    active = this.status.active
    if this.seen.conflict:
        return "False", MaterializationReason.CONFLICT, this.seen.conflict
    if active is None:
        return "False", MaterializationReason.NO_RUN, "No run has been promoted yet"
    if this.lost:
        message = f"What run {active.run} had in the stores is gone: StagedRun {active.staged_run_ref.name!r} says what"
        return "False", MaterializationReason.DATA_LOST, message
    return "True", MaterializationReason.SERVING, f"Run {active.run} is served{outdated(this)}"
