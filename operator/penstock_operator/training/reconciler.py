"""The reconciler of TrainingJobs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from penstock.api.trainingjob import TrainingJob
from penstock.installation import Installation
from penstock_operator.loop.reconciler import Plan, Related
from penstock_operator.loop.related import owned, referred, referring, secrets, training_job
from penstock_operator.ports import Artifacts, Cluster, Rays
from penstock_operator.training.converge import Action, Converger
from penstock_operator.training.observe import Observer
from penstock_operator.training.observed import Observed
from penstock_operator.training.plan import plan
from penstock_operator.training.sweep import SourceSweeper


class TrainingJobReconciler:
    """Carries a TrainingJob from attempt to attempt until a run is whole."""

    kind = TrainingJob
    related: Mapping[str, Related] = {
        "Materialization": referred("TrainingJob", training_job),
        "RayJob": owned("TrainingJob"),
        "Secret": referring("TrainingJob", secrets),
    }

    def __init__(self, cluster: Cluster, rays: Rays, artifacts: Artifacts, installation: Installation) -> None:
        self._observer = Observer(cluster, rays, artifacts, installation)
        self._converger = Converger(
            rays, artifacts, installation, SourceSweeper(cluster, artifacts, installation.artifacts)
        )

    async def observe(self, obj: TrainingJob) -> Observed:
        """What is."""
        return await self._observer.observe(obj)

    def plan(self, obj: TrainingJob, observed: Observed, now: datetime) -> Plan:
        """What to do."""
        return plan(obj, observed, now)

    async def converge(self, obj: TrainingJob, action: Action | Any) -> None:
        """Do one thing."""
        await self._converger.converge(obj, action)
