"""Who holds a TrainingRun."""

from __future__ import annotations

from collections.abc import Sequence

from penstock_operator import references
from penstock_operator.loop.wire import inner
from penstock_operator.ports import Cluster, Object


async def holders(cluster: Cluster, run: Object) -> Sequence[Object]:
    """The StagedRuns of a run, by its uid: those of another run of its name hold nothing of it."""
    meta = run["metadata"]
    named = await cluster.referring("StagedRun", meta["namespace"], references.training_run, meta["name"])
    return [staged for staged in named if inner(staged, "spec", "trainingRunRef", "uid") == meta["uid"]]
