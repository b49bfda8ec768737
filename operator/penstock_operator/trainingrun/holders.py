"""Who holds a TrainingRun."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.api.stagedrun import StagingState
from penstock_operator import references
from penstock_operator.loop.wire import inner
from penstock_operator.ports import Cluster, Object


async def holders(cluster: Cluster, run: Object) -> Sequence[Object]:
    """The StagedRuns that need a run, by its uid: one that was refused has nothing of it, and is a record alone."""
    meta = run["metadata"]
    named = await cluster.referring("StagedRun", meta["namespace"], references.training_run, meta["name"])
    return [
        staged
        for staged in named
        if inner(staged, "spec", "trainingRunRef", "uid") == meta["uid"]
        and inner(staged, "status", "state") != StagingState.REFUSED
    ]
