"""Over any history of runs, specs, pins, time and lost writes: what is served was staged, and is never collected."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penstock.api.materialization import (
    Materialization,
    MaterializationSpec,
    MaterializationStatus,
    RunRecord,
    RunState,
)
from penstock.api.trainingjob import SuccessfulRun, TrainingJob
from penstock.api.views import Metric, VectorCollection
from penstock.handoff import StagingReport
from penstock.naming import run_name
from penstock_operator.loop.conditions import find
from penstock_operator.materialization.forgetting import KEPT_LOGS
from penstock_operator.materialization.history import orphaned, retire
from penstock_operator.materialization.observed import Drop, Forget, Observed, Stage, StopStaging, Targets
from penstock_operator.materialization.plan import plan
from penstock_operator.materialization.room import CROWDED
from penstock_operator.ports import JobState, RayJob, Refused

START = datetime(2026, 1, 1, tzinfo=UTC)
META = {"namespace": "default", "uid": "a0b1c2d3-0000-4000-8000-000000000000", "generation": 1}
COLLECTION = VectorCollection.model_validate(
    {
        "kind": "VectorCollection",
        "metadata": {**META, "name": "images"},
        "spec": {"storeRef": {"name": "milvus"}, "dimension": 4},
    }
)
JOB = {
    "kind": "TrainingJob",
    "metadata": {**META, "name": "digits"},
    "spec": {"source": {"type": "Path", "path": "/code"}, "entrypoint": "train.py"},
}

OPERATIONS = st.one_of(
    st.tuples(st.just("train"), st.sampled_from(["Rejected", "Invalid", "Failed"])),
    st.tuples(st.just("train"), st.just("Staged")),
    st.tuples(st.just("pin"), st.integers(0, 3)),
    st.tuples(st.just("unpin"), st.none()),
    st.tuples(st.just("keep"), st.integers(2, 4)),
    st.tuples(st.just("promotion"), st.sampled_from(["Automatic", "Manual"])),
    st.tuples(st.just("wait"), st.integers(1, 40)),
    st.tuples(st.just("forget"), st.none()),
    st.tuples(st.just("crash"), st.integers(1, 40)),
    st.tuples(st.just("respec"), st.tuples(st.integers(0, 2), st.sampled_from(["Staged", "Rejected", "Failed"]))),
    st.tuples(st.just("retarget"), st.sampled_from(["Cosine", "L2"])),
    st.tuples(st.just("lose"), st.booleans()),
    st.tuples(st.just("refuse"), st.booleans()),
)
THREE_RUNS = [("train", "Staged")] * 3


@dataclass
class History:
    """A Materialization in a world where every staging ends as the run was fated to."""

    now: datetime = START
    status: MaterializationStatus = field(default_factory=MaterializationStatus)
    spec: dict[str, Any] = field(default_factory=lambda: {"historyLimit": 2, "gracePeriodSeconds": 20})
    fates: dict[str, str] = field(default_factory=dict)
    gates: int = 0
    """Which of three lists of gates the spec has; the first of them judges as the run was fated."""
    judges: dict[int, str] = field(default_factory=dict)
    generation: int = 1
    refusing: bool = False
    """Whether the store refuses to drop anything."""
    submitted: set[str] = field(default_factory=set)
    looked: set[str] = field(default_factory=set)
    stopped: set[str] = field(default_factory=set)
    stored: set[str] = field(default_factory=set)
    """The collections that a staging filled and nobody dropped."""
    passed: set[str] = field(default_factory=set)
    """The collections whose staging was good."""
    metric: str = "Cosine"
    """Of the VectorCollection."""
    missing: bool = False
    """Whether the VectorCollection is away."""
    made: dict[str, str] = field(default_factory=dict)
    """The metric of each collection that was ever filled, and of each folder in which a staging left its marks."""

    @property
    def pinned(self) -> str | None:
        return self.spec.get("pinnedRunRef", {}).get("name")

    def do(self, operation: str, value: Any) -> None:
        match operation:
            case "train":
                self.fates[f"r-{len(self.fates) + 1}"] = value
                for _ in range(5):
                    self.look()
            case "pin":
                known = [record.run for record in self.status.runs] or ["r-1"]
                self.spec["pinnedRunRef"] = {"name": known[value % len(known)]}
            case "unpin":
                self.spec.pop("pinnedRunRef", None)
            case "keep":
                self.spec["historyLimit"] = value
            case "promotion":
                self.spec["promotion"] = value
            case "wait" | "crash":
                self.now += timedelta(seconds=value)
            case "forget":
                self.submitted.clear()
            case "respec":
                self.gates, judge = value
                self.judges.setdefault(self.gates, judge)
                self.generation += 1
            case "retarget":
                self.metric = value
            case "lose":
                self.missing = value
            case "refuse":
                self.refusing = value
        self.look(lost=operation == "crash")

    def look(self, lost: bool = False) -> None:
        """One pass; a lost one dies after its actions and before its status is written."""
        before = self.materialization()
        result = plan(before, self.observed(), self.now)
        for action in result.actions:
            match action:
                case Stage(record, targets):
                    self.submitted.add(record.submission_id)
                    self.stored.update(output.physical for output in record.outputs)
                    metric = targets.collections["images"].spec.metric
                    for name in (record.stage_uri, *(output.physical for output in record.outputs)):
                        assert self.made.setdefault(name, metric) == metric, "nothing is filled in two ways"
                case StopStaging(submission_id):
                    self.stopped.add(submission_id)
        failed = []
        for action in result.cleanup:
            if isinstance(action, Drop) and self.refusing:
                failed.append((action, Refused("an alias stands for it")))
            elif isinstance(action, Drop):
                self.check_drop(action.output.physical)
                self.stored.discard(action.output.physical)
            elif isinstance(action, Forget):
                self.submitted.discard(action.submission_id)
        if not lost:
            assert isinstance(result.status, MaterializationStatus)
            told = result.settle(failed)
            assert (told != "") is any(record.drop_error for record in result.status.runs)
            self.status = MaterializationStatus.model_validate(result.status.to_wire())
            self.check_ready()
        self.check()

    def materialization(self) -> Materialization:
        vectors = [{"name": "images", "output": "embeddings", "vectorCollectionRef": {"name": "images"}}]
        gates = [{"name": "rows", "type": "MinRows", "minRows": {"output": "embeddings", "rows": self.gates + 1}}]
        spec = {"trainingJobRef": {"name": "digits"}, "vectors": vectors, "gates": gates, "stagingRetryLimit": 1}
        spec |= self.spec
        meta = {**META, "name": "digits", "generation": self.generation}
        body = {"kind": "Materialization", "metadata": meta, "spec": spec, "status": self.status.to_wire()}
        return Materialization.model_validate(body)

    def collection(self) -> VectorCollection:
        found = COLLECTION.model_copy(deep=True)
        found.spec.metric = Metric(self.metric)
        return found

    def observed(self) -> Observed:
        job = TrainingJob.model_validate(JOB)
        job.status.runs = [SuccessfulRun(run=run, attempt=n, finished_at=START) for n, run in enumerate(self.fates, 1)]
        seen = Observed(
            artifacts="/runs",
            job=job,
            targets=Targets(collections={} if self.missing else {"images": self.collection()}),
            missing="VectorCollection 'images' does not exist" if self.missing else "",
            session="session_1",
            ended=frozenset(self.status.ended),
        )
        record = next((r for r in self.status.runs if r.state is RunState.STAGING), None)
        if record is None or record.submission_id not in self.submitted:
            return seen
        if record.submission_id in self.stopped:
            return replace(seen, staging=RayJob(record.submission_id, JobState.STOPPED))
        if record.submission_id not in self.looked:
            self.looked.add(record.submission_id)
            return replace(seen, staging=RayJob(record.submission_id, JobState.RUNNING))
        fate = self.judgement(record.run)
        if fate == "Failed":
            return replace(seen, staging=RayJob(record.submission_id, JobState.FAILED))
        if fate == "Staged":
            self.passed.update(output.physical for output in record.outputs)
        report = StagingReport.model_validate({"run": record.run, "outcome": fate, "outputs": record.outputs})
        return replace(seen, report=report, staging=RayJob(record.submission_id, JobState.SUCCEEDED))

    def judgement(self, run: str) -> str:
        return self.judges[self.gates] if self.gates else self.fates[run]

    def check_ready(self) -> None:
        """Where what is served is not as the collection is by now, it is said."""
        ready, active = find(self.status.conditions, "Ready"), self.status.active
        assert ready is not None
        if active is not None and not self.missing:
            made = {self.made[output.physical] for output in active.outputs}
            assert made == {self.metric} or "before VectorCollection 'images' changed" in ready.message

    def check_drop(self, physical: str) -> None:
        active = self.status.active.outputs if self.status.active is not None else []
        assert physical not in [output.physical for output in active]
        (record,) = [r for r in self.status.runs if physical in [output.physical for output in r.outputs]]
        assert record.state in (RunState.RETIRING, RunState.REJECTED)
        assert record.retire_at is not None
        assert record.retire_at <= self.now
        if record.state is RunState.RETIRING and record.run in (self.status.previous_run, self.pinned):
            kept = (RunState.STAGED, RunState.RETIRING)
            others = [r for r in self.status.runs if r.run == record.run and r is not record and r.state in kept]
            assert others, "another staging of the run is what is meant by its name"

    def staged(self, run: str) -> list[RunRecord]:
        return [record for record in self.status.runs if record.run == run and record.state is RunState.STAGED]

    def check(self) -> None:
        kept = {(record.run, record.revision): record for record in self.status.runs}
        assert len(kept) == len(self.status.runs)
        assert sum(record.state is RunState.STAGING for record in kept.values()) <= 1
        names = [output.physical for record in kept.values() for output in record.outputs]
        assert len(names) == len(set(names)), "no name is in use twice"
        if self.status.active is not None:
            active = self.status.active
            record = kept[active.run, active.revision]
            assert record.state is RunState.STAGED
            assert active.outputs == record.outputs
            assert {output.physical for output in active.outputs} <= self.stored & self.passed
            assert self.status.active_run == active.run
        if self.status.previous_run is not None:
            previous = [output.physical for r in self.staged(self.status.previous_run) for output in r.outputs]
            assert previous
            assert set(previous) <= self.stored & self.passed
        assert self.stored <= set(names), "a collection that no record knows is never dropped"


@settings(deadline=None, max_examples=100)
@given(st.lists(OPERATIONS, max_size=60))
@example([*THREE_RUNS, ("crash", 20), ("pin", 0)])
@example([THREE_RUNS[0], ("respec", (1, "Staged")), *[("wait", 1)] * 5, ("wait", 40), ("respec", (0, "Staged"))])
@example([THREE_RUNS[0], ("respec", (1, "Rejected")), *[("wait", 1)] * 8, ("respec", (0, "Staged"))])
@example([THREE_RUNS[0], *[("retarget", "L2"), *[("wait", 1)] * 5, ("retarget", "Cosine"), ("wait", 40)] * 2])
@example([THREE_RUNS[0], ("retarget", "L2"), *[("wait", 1)] * 5, ("retarget", "Cosine"), ("lose", True), ("wait", 40)])
def test_what_is_served_was_staged_and_is_never_collected(operations: list[tuple[str, Any]]) -> None:
    history = History()
    for operation, value in operations:
        history.do(operation, value)


@settings(deadline=None, max_examples=100)
@given(st.lists(OPERATIONS, max_size=40))
@example([*THREE_RUNS[:2], ("pin", 0), THREE_RUNS[2]])
@example([("train", "Failed"), ("train", "Staged")])
@example(
    [
        *[("train", "Rejected"), ("refuse", True), ("respec", (1, "Staged")), ("train", "Rejected"), ("pin", 0)],
        *[("retarget", "L2"), ("train", "Rejected"), ("train", "Staged"), ("wait", 20), ("pin", 1)],
    ]
)
def test_left_alone_a_history_comes_to_rest_at_its_limit(operations: list[tuple[str, Any]]) -> None:
    history = History()
    for operation, value in operations:
        history.do(operation, value)
    history.do("refuse", False)
    history.do("lose", False)
    for _ in range(12):
        history.do("wait", 40)
    before = history.status.model_copy(deep=True)
    history.do("wait", 40)
    assert history.status == before
    states = [record.state for record in history.status.runs]
    # Beyond the limit: a pin, and a newer staging of the active run that waits for a person.
    assert states.count(RunState.STAGED) <= history.spec["historyLimit"] + 2
    assert RunState.STAGING not in states
    assert len(history.status.ended) <= KEPT_LOGS
    dropped = {r.run for r in history.status.runs if r.state is RunState.REJECTED and not r.outputs}
    assert len(dropped) <= history.spec["historyLimit"]
    newest = list(history.fates)[-1:]
    if newest and history.spec.get("promotion") != "Manual" and not history.pinned:
        assert served_as_wanted(history) or history.judgement(newest[0]) != "Staged"
    pinned = history.pinned
    wanted = [r for r in history.status.runs if r.state is RunState.STAGED or r.run == pinned]
    assert history.stored <= {output.physical for r in wanted for output in r.outputs}


def served_as_wanted(history: History) -> bool:
    """Whether the newest run is served, in a collection that is as the spec is."""
    active = history.status.active
    if active is None or active.run != list(history.fates)[-1]:
        return False
    return {history.made[output.physical] for output in active.outputs} == {history.metric}


def test_a_crowd_of_retiring_runs_is_given_no_grace() -> None:
    def record(number: int, state: RunState) -> RunRecord:
        late = START + timedelta(days=1) if state is RunState.RETIRING else None
        return RunRecord(run=f"r-{number}", state=state, uri=f"file:///r-{number}", retire_at=late)

    spec = MaterializationSpec.model_validate(
        {
            "trainingJobRef": {"name": "j"},
            "gates": [],
            "features": [],
            "vectors": [],
            "historyLimit": 2,
            "gracePeriodSeconds": 86400,
        }
    )
    for retiring, grace in ((10, timedelta(days=1)), (CROWDED, timedelta(0))):
        status = MaterializationStatus(runs=[record(n, RunState.RETIRING) for n in range(retiring)])
        status.runs += [record(n, RunState.STAGED) for n in range(retiring, retiring + 4)]
        retire(spec, status, "", Observed(), START)
        marked = [record.retire_at for record in status.runs[retiring : retiring + 2]]
        assert marked == [START + grace] * 2


@pytest.mark.parametrize(
    ("job", "retained", "dropped"),
    [
        (None, False, True),
        (None, True, False),
        ({"uid": META["uid"]}, False, False),
        ({"uid": META["uid"], "deletionTimestamp": START.isoformat()}, False, True),
        ({"uid": META["uid"], "deletionTimestamp": START.isoformat()}, True, False),
        ({"uid": "ffffffff-0000-4000-8000-000000000000"}, False, True),
    ],
)
def test_a_run_directory_goes_with_the_last_that_needs_it(
    job: dict[str, str] | None, retained: bool, dropped: bool
) -> None:
    run = run_name(META["uid"], 1)
    record = RunRecord(run=run, state=RunState.RETIRING, uri=f"file:///{run}", retained=retained)
    known = TrainingJob.model_validate({**JOB, "metadata": {**JOB["metadata"], **job}}) if job is not None else None
    assert orphaned(record, known) is dropped
