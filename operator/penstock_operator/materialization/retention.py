"""What is kept when all is deleted: remembered in the status, for the resource that says so may go first. Pure."""

from __future__ import annotations

from penstock.api.materialization import MaterializationStatus, StagedOutput
from penstock.api.meta import DeletionPolicy
from penstock_operator.materialization.observed import Observed


def remember(status: MaterializationStatus, seen: Observed) -> None:
    """Note the policies as they are now; those of a job, view or collection that is gone stay as last seen."""
    for record in status.runs:
        if seen.job is not None:
            record.retained = seen.job.spec.deletion_policy is DeletionPolicy.RETAIN
        for output in record.outputs:
            output.retain = retained(output, seen)
    for output in status.active.outputs if status.active is not None else ():
        output.retain = retained(output, seen)


def retained(output: StagedOutput, seen: Observed) -> bool:
    """Whether the data of an output outlives the Materialization."""
    targets = seen.targets
    target = (targets.views if output.kind == "Features" else targets.collections).get(output.resource)
    return target.spec.deletion_policy is DeletionPolicy.RETAIN if target is not None else output.retain
