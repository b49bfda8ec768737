"""How a deleted Materialization goes: after its StagedRuns, each of which goes in bounded time. Pure."""

from __future__ import annotations

from penstock.api.materialization import MaterializationReason
from penstock_operator.loop.plan import Plan
from penstock_operator.materialization.observed import Action, Delete
from penstock_operator.materialization.passes import Pass, going
from penstock_operator.materialization.pointer import forget


def delete(this: Pass) -> Plan[Action]:
    """Delete the StagedRuns; go when the last of them is gone."""
    left = this.seen.staged
    if not left:
        return Plan(this.status, cleanup=[forget(this)], finalized=True)
    names = ", ".join(one.metadata.name for one in left)
    this.condition("Ready", "False", MaterializationReason.DELETING, f"Waiting for StagedRuns {names} to go")
    return Plan(this.status, [Delete(one.metadata.name, one.metadata.uid) for one in left if not going(one)])
