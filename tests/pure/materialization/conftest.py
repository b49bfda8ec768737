"""A Materialization that lives through passes: what each pass says is what the next one reads."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from penstock.api.materialization import Materialization, MaterializationStatus, RunRecord
from penstock.api.meta import Condition
from penstock.api.trainingjob import SuccessfulRun, TrainingJob
from penstock.api.views import FeatureView, VectorCollection
from penstock.handoff import StagingReport
from penstock_operator.loop.conditions import find
from penstock_operator.loop.plan import Plan
from penstock_operator.materialization.observed import Drop, Observed, Targets
from penstock_operator.materialization.plan import plan
from penstock_operator.ports import JobState, RayJob, Refused

NOW = datetime(2026, 1, 1, tzinfo=UTC)
META = {"namespace": "default", "uid": "a0b1c2d3-0000-4000-8000-000000000000", "generation": 1}


def resource(kind: Any, name: str, **spec: object) -> Any:
    return kind.model_validate({"kind": kind.__name__, "metadata": {**META, "name": name}, "spec": spec})


def targets(policy: str = "Delete") -> Targets:
    columns = {"entities": [{"name": "id", "type": "Int64"}], "features": [{"name": "ink", "type": "Float32"}]}
    view = resource(FeatureView, "images", storeRef={"name": "feast"}, deletionPolicy=policy, **columns)
    collection = resource(VectorCollection, "images", storeRef={"name": "milvus"}, deletionPolicy=policy, dimension=4)
    return Targets(views={"images": view}, collections={"images": collection})


@dataclass
class Life:
    """One Materialization, pass by pass."""

    now: datetime = NOW
    generation: int = 1
    status: MaterializationStatus = field(default_factory=MaterializationStatus)
    spec: dict[str, Any] = field(
        default_factory=lambda: {
            "trainingJobRef": {"name": "digits"},
            "gates": [],
            "features": [{"name": "images", "output": "features", "featureViewRef": {"name": "images"}}],
            "vectors": [{"name": "images", "output": "embeddings", "vectorCollectionRef": {"name": "images"}}],
        }
    )
    runs: list[str] = field(default_factory=lambda: ["r-1"])
    deleted: datetime | None = None
    refusing: bool = False
    """Whether the stores drop nothing."""
    told: str = ""
    """What the last pass says is still to be cleaned up."""
    seen: Observed = field(default_factory=lambda: Observed(artifacts="/runs", targets=targets(), session="session_1"))

    @property
    def mat(self) -> Materialization:
        meta = {**META, "name": "digits", "generation": self.generation, "deletionTimestamp": self.deleted}
        return Materialization.model_validate(
            {"kind": "Materialization", "metadata": meta, "spec": self.spec, "status": self.status.to_wire()}
        )

    @property
    def record(self) -> RunRecord:
        """The newest."""
        return self.status.runs[-1]

    def change(self, **spec: object) -> None:
        self.spec = {**self.spec, **spec}
        self.generation += 1

    def look(self, after: float = 0, refusal: str = "", **seen: Any) -> Plan:
        """A pass, so many seconds later; with a refusal, the last of what is to be dropped is not."""
        self.now += timedelta(seconds=after)
        job = resource(TrainingJob, "digits", source={"type": "Path", "path": "/code"}, entrypoint="train.py")
        job.status.runs = [SuccessfulRun(run=run, attempt=n, finished_at=NOW) for n, run in enumerate(self.runs, 1)]
        known = {"job": job, "ended": frozenset(self.status.ended), **seen}
        result = plan(self.mat, replace(self.seen, **known), self.now)
        drops = [action for action in result.cleanup if isinstance(action, Drop)]
        refused = drops if self.refusing else drops[-1:] if refusal else []
        self.told = result.settle([(drop, Refused(refusal or "refused")) for drop in refused])
        assert isinstance(result.status, MaterializationStatus)
        self.status = MaterializationStatus.model_validate(result.status.to_wire())
        return result

    def running(self, state: JobState = JobState.RUNNING) -> RayJob:
        return RayJob(self.record.submission_id, state, "boom")

    def report(self, outcome: str = "Staged", message: str = "") -> StagingReport:
        body = {"run": self.record.run, "outcome": outcome, "message": message, "outputs": self.record.outputs}
        return StagingReport.model_validate(body)

    def stage(self, outcome: str = "Staged", message: str = "") -> None:
        """From the record to the report."""
        self.look()
        self.look(staging=self.running(), report=self.report(outcome, message))

    def condition(self, type_: str) -> Condition:
        found = find(self.status.conditions, type_)
        assert found is not None
        assert found.observed_generation == self.generation
        return found

    def served(self) -> list[str]:
        return [output.physical for output in self.status.active.outputs] if self.status.active is not None else []


@pytest.fixture
def life() -> Life:
    """Before its first pass."""
    return Life()
