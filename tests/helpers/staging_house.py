"""A Materialization, its StagedRuns and their stores in memory, driven by the plans alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from penstock.api.materialization import Materialization
from penstock.api.meta import Condition
from penstock.api.stagedrun import StagedRun
from penstock.api.trainingjob import TrainingJob
from penstock.api.trainingrun import TrainingRun
from penstock.api.views import FeatureView, VectorCollection
from penstock.handoff import StagingReport
from penstock_operator.loop.away import Away
from penstock_operator.loop.conditions import find
from penstock_operator.loop.plan import Plan
from penstock_operator.materialization import observed as mats
from penstock_operator.materialization.plan import plan as plan_materialization
from penstock_operator.ports import Invalid, JobState, RayJob, Refused
from penstock_operator.rayactions import Forget, Stop
from penstock_operator.stagedrun import observed as stages
from penstock_operator.stagedrun.keptas import kept_as
from penstock_operator.stagedrun.plan import plan as plan_staged

NOW = datetime(2026, 1, 1, tzinfo=UTC)
UID = "a0b1c2d3-0000-4000-8000-000000000000"
META = {"namespace": "default", "uid": UID, "generation": 1, "creationTimestamp": NOW}
COLUMNS = {"entities": [{"name": "id", "type": "Int64"}], "features": [{"name": "ink", "type": "Float32"}]}


def resource(kind: Any, name: str, **spec: object) -> Any:
    return kind.model_validate({"kind": kind.__name__, "metadata": {**META, "name": name}, "spec": spec})


@dataclass
class House:
    """What is written is what the next pass reads; a run is fated to be Staged, Rejected, Invalid, Failed or Hung.

    Of one that is Unfit, Ray refuses the staging.
    """

    now: datetime = NOW
    since: datetime = NOW - timedelta(days=1)
    generation: int = 1
    spec: dict[str, Any] = field(
        default_factory=lambda: {
            "trainingJobRef": {"name": "digits"},
            "gates": [],
            "features": [{"name": "images", "output": "features", "featureViewRef": {"name": "images"}}],
            "vectors": [{"name": "images", "output": "embeddings", "vectorCollectionRef": {"name": "images"}}],
            "gracePeriodSeconds": 60,
        }
    )
    status: dict[str, Any] = field(default_factory=dict)
    deleted: datetime | None = None
    metric: str = "Cosine"
    policy: str = "Delete"
    missing: str = ""
    conflict: str = ""
    away: str = ""
    """Why Ray does not answer."""
    artifacts_away: str = ""
    refusing: bool = False
    """Whether the stores drop nothing."""
    fates: dict[str, str] = field(default_factory=dict)
    runs: list[TrainingRun] = field(default_factory=list)
    staged: dict[str, StagedRun] = field(default_factory=dict)
    jobs: dict[str, JobState] = field(default_factory=dict)
    looks: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    data: set[str] = field(default_factory=set)
    """The views and collections that are in the stores."""
    files: set[str] = field(default_factory=set)
    dropped: list[str] = field(default_factory=list)
    recorded: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    created: int = 0

    # What people and trainings do

    def train(self, fate: str = "Staged", settle: bool = True) -> str:
        """A training leaves a run."""
        number = len(self.runs) + 1
        name = f"r-{number}"
        self.fates[name] = fate
        spec = {
            "trainingJobRef": {"name": "digits", "uid": UID},
            "attempt": number,
            "uri": f"/runs/default/digits/{name}",
            "manifestDigest": "sha256:0",
            "createdAt": self.now,
            "entrypoint": "train.py",
        }
        run = {"kind": "TrainingRun", "metadata": {**META, "name": name, "uid": f"run-{number}"}, "spec": spec}
        self.runs.append(TrainingRun.model_validate(run))
        self.now += timedelta(seconds=1)
        if settle:
            self.settle()
        return name

    def change(self, settle: bool = True, **spec: object) -> None:
        """Somebody changes the spec; None takes a field out."""
        self.spec = {name: value for name, value in {**self.spec, **spec}.items() if value is not None}
        self.generation += 1
        if settle:
            self.settle()

    def pin(self, run: str | None) -> None:
        self.change(pinnedRunRef={"name": run} if run is not None else None)

    def delete(self, name: str) -> None:
        """Somebody deletes a StagedRun, whatever the API says."""
        self.staged[name].metadata.deletion_timestamp = self.now

    # Passes

    def settle(self, seconds: float = 0, limit: int = 60) -> None:
        """Look until nothing changes; then so many seconds pass, and it is looked again."""
        for _ in range(limit):
            before = self._all()
            self.look()
            if before == self._all():
                break
        if seconds:
            self.now += timedelta(seconds=seconds)
            self.settle()

    def look(self) -> None:
        """A pass over each object."""
        for name in list(self.staged):
            self.look_at(name)
        self.look_at_materialization()

    def look_at(self, name: str) -> Plan[Any]:
        one = self.staged[name]
        plan = plan_staged(one, self._around(one), self.now, self.since)
        for action in plan.actions:
            if isinstance(error := self._act(one, action), Invalid):
                assert plan.refusal is not None
                plan = plan.refusal(str(error))
        failed = [(action, error) for action in plan.cleanup if (error := self._act(one, action)) is not None]
        trouble = plan.conclude(failed)
        if plan.finalized and not failed:
            self.notes += plan.notes
            del self.staged[name]
            return plan
        assert trouble or not failed
        wire = {**one.model_dump(mode="json", by_alias=True), "status": plan.status.to_wire()}
        self.staged[name] = StagedRun.model_validate(wire)
        return plan

    def look_at_materialization(self) -> Plan[Any]:
        plan = plan_materialization(self.mat, self._seen(), self.now)
        for action in [*plan.actions, *plan.cleanup]:
            match action:
                case mats.Create(obj):
                    self._create(obj)
                case mats.Delete(name, uid):
                    assert self.staged[name].metadata.uid == uid
                    self.delete(name)
                case mats.RecordPointer(uri, document, _):
                    self.recorded[uri] = document
                case mats.ForgetPointer(uri):
                    self.recorded.pop(uri, None)
        plan.conclude([])
        self.status = {} if plan.finalized else plan.status.to_wire()
        return plan

    # What is

    @property
    def mat(self) -> Materialization:
        meta = {**META, "name": "digits", "generation": self.generation, "deletionTimestamp": self.deleted}
        return Materialization.model_validate(
            {"kind": "Materialization", "metadata": meta, "spec": self.spec, "status": self.status}
        )

    @property
    def newest(self) -> StagedRun:
        return list(self.staged.values())[-1]

    @property
    def active(self) -> str | None:
        active = self.mat.status.active
        return active.run if active is not None else None

    def served(self) -> list[str]:
        active = self.mat.status.active
        return [output.physical for output in active.outputs] if active is not None else []

    def physical(self, run: str) -> set[str]:
        """What a run has in the stores."""
        names = [one for one in self.staged.values() if one.spec.training_run_ref.name == run]
        return {output.physical for one in names for output in one.status.outputs} & self.data

    def condition(self, type_: str) -> Condition:
        found = find(self.mat.status.conditions, type_)
        assert found is not None
        return found

    def ready(self, name: str | None = None) -> Condition:
        """The condition Ready of a StagedRun, the newest by default."""
        found = find((self.staged[name] if name else self.newest).status.conditions, "Ready")
        assert found is not None
        return found

    # The world

    def _seen(self) -> mats.Observed:
        view = resource(FeatureView, "images", storeRef={"name": "feast"}, deletionPolicy=self.policy, **COLUMNS)
        spec = {"storeRef": {"name": "milvus"}, "dimension": 4, "metric": self.metric, "deletionPolicy": self.policy}
        collection = resource(VectorCollection, "images", **spec)
        targets = mats.Targets() if self.missing else mats.Targets({"images": view}, {"images": collection})
        order = [run.metadata.name for run in self.runs]
        return mats.Observed(
            artifacts="/runs",
            job=TrainingJob.model_construct(kind="TrainingJob"),
            runs=self.runs,
            staged=sorted(self.staged.values(), key=lambda one: order.index(one.spec.training_run_ref.name)),
            targets=targets,
            missing=self.missing,
            conflict=self.conflict,
        )

    def _around(self, one: StagedRun) -> stages.Observed:
        run, latest = one.spec.training_run_ref.name, one.status.latest_try
        finding: stages.Finding | Away = stages.Finding()
        ray: stages.RaySeen | Away = Away(self.away) if self.away else stages.RaySeen("session_1")
        if latest is not None:
            state = self._advance(one, run, latest.submission_id)
            if not self.away:
                job = RayJob(latest.submission_id, state, "boom") if state is not None else None
                ray = stages.RaySeen("session_1", job, "row 17")
            if state is JobState.SUCCEEDED:
                finding = stages.Finding(self._report(one, self.outcomes[latest.submission_id]))
        needed = kept_as(one, self.mat) is not None
        gone = tuple(o.physical for o in one.status.outputs if o.physical not in self.data) if needed else ()
        policies: Any = {(o.kind, o.resource): self.policy for o in one.status.outputs}
        return stages.Observed(
            materialization=self.mat if self.status or not self.deleted else None,
            ray=ray,
            finding=Away(self.artifacts_away) if self.artifacts_away else finding,
            policies=policies,
            lost=gone if one.status.state == "Staged" else (),
        )

    def _advance(self, one: StagedRun, run: str, submission: str) -> JobState | None:
        """The first look at a job finds it running, the second at its end."""
        state = self.jobs.get(submission)
        if state is None or state.terminal:
            return state
        self.looks[submission] = self.looks.get(submission, 0) + 1
        names = [output.physical for output in one.status.outputs]
        self.data.update(names[:1])
        if self.looks[submission] < 2 or self.fates[run] == "Hung":
            return state
        if self.fates[run] == "Failed":
            self.jobs[submission] = JobState.FAILED
        else:
            self.data.update(names)
            self.jobs[submission], self.outcomes[submission] = JobState.SUCCEEDED, self.fates[run]
        return self.jobs[submission]

    def _report(self, one: StagedRun, outcome: str) -> StagingReport:
        message = "" if outcome == "Staged" else "gate rows: 4 is below 5"
        run = one.spec.training_run_ref.name
        body = {"run": run, "outcome": outcome, "message": message, "outputs": one.status.outputs}
        return StagingReport.model_validate(body)

    def _act(self, one: StagedRun, action: Any) -> Exception | None:
        match action:
            case stages.Submit(submission) if self.fates[one.spec.training_run_ref.name] == "Unfit":
                return Invalid('unknown field "spec.volumez"')
            case stages.Submit(submission):
                assert submission not in self.jobs, "submitted twice"
                assert one.status.latest_try is not None
                assert one.status.latest_try.submission_id == submission, "the intent is written first"
                self.jobs[submission] = JobState.RUNNING
                self.files.add(one.metadata.uid)
            case Stop(submission):
                self.jobs[submission] = JobState.STOPPED
            case Forget(submission):
                assert self.jobs[submission].terminal
                del self.jobs[submission]
            case stages.Drop(output):
                if self.refusing:
                    return Refused(f"alias stands for {output.physical}")
                assert output.physical not in self._guarded(), "what is served or kept is dropped"
                self.data.discard(output.physical)
                self.dropped.append(output.physical)
            case stages.RemoveFiles():
                self.files.discard(one.metadata.uid)
        return None

    def _guarded(self) -> set[str]:
        """What the pointer, the way back and the pin name, as far as it is whole."""
        mat = self.mat
        if self.deleted is not None:
            return set()
        named = {ref.staged_run_ref.uid for ref in (mat.status.active, mat.status.previous) if ref is not None}
        kept = [one for one in self.staged.values() if one.metadata.uid in named and one.status.state == "Staged"]
        return {output.physical for one in kept for output in one.status.outputs}

    def _create(self, obj: Any) -> None:
        name = obj["metadata"]["name"]
        assert name not in self.staged
        self.created += 1
        meta = {**obj["metadata"], "uid": f"{self.created:08x}-0000", "generation": 1, "creationTimestamp": self.now}
        self.staged[name] = StagedRun.model_validate({**obj, "metadata": meta})

    def _all(self) -> Any:
        return self.status, {name: one.model_dump() for name, one in self.staged.items()}, dict(self.jobs)
