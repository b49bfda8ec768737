"""Over any history of runs, pins, time and lost writes: what is served was staged, and is never collected."""

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
from penstock.api.views import VectorCollection
from penstock.handoff import StagingReport
from penstock.naming import collection_name, run_name
from penstock_operator.materialization.history import CROWDED, orphaned, retire
from penstock_operator.materialization.observed import Drop, Observed, Stage, Targets
from penstock_operator.materialization.plan import plan
from penstock_operator.ports import JobState, RayJob

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
    "spec": {"source": {"path": "/code"}, "entrypoint": "train.py"},
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
)
THREE_RUNS = [("train", "Staged")] * 3


@dataclass
class History:
    """A Materialization in a world where every staging ends as the run was fated to."""

    now: datetime = START
    status: MaterializationStatus = field(default_factory=MaterializationStatus)
    spec: dict[str, Any] = field(default_factory=lambda: {"historyLimit": 2, "gracePeriodSeconds": 20})
    fates: dict[str, str] = field(default_factory=dict)
    submitted: set[str] = field(default_factory=set)
    stored: set[str] = field(default_factory=set)
    """The collections that a staging filled and nobody dropped."""

    def do(self, operation: str, value: Any) -> None:
        match operation:
            case "train":
                self.fates[f"r-{len(self.fates) + 1}"] = value
                for _ in range(4):
                    self.look()
            case "pin":
                known = [record.run for record in self.status.runs] or ["r-1"]
                self.spec["pinnedRun"] = known[value % len(known)]
            case "unpin":
                self.spec.pop("pinnedRun", None)
            case "keep":
                self.spec["historyLimit"] = value
            case "promotion":
                self.spec["promotion"] = value
            case "wait" | "crash":
                self.now += timedelta(seconds=value)
            case "forget":
                self.submitted.clear()
        self.look(lost=operation == "crash")

    def look(self, lost: bool = False) -> None:
        """One pass; a lost one dies after its actions and before its status is written."""
        before = self.materialization()
        result = plan(before, self.observed(), self.now)
        for action in result.actions:
            match action:
                case Stage(record):
                    self.submitted.add(record.submission_id)
                    self.stored.update(output.physical for output in record.outputs)
                case Drop(output):
                    self.check_drop(output.physical)
                    self.stored.discard(output.physical)
        if not lost:
            assert isinstance(result.status, MaterializationStatus)
            self.status = MaterializationStatus.model_validate(result.status.to_wire())
        self.check()

    def materialization(self) -> Materialization:
        vectors = [{"output": "embeddings", "vectorCollectionRef": {"name": "images"}}]
        spec = {"trainingJobRef": {"name": "digits"}, "vectors": vectors, "stagingRetryLimit": 1, **self.spec}
        meta = {**META, "name": "digits"}
        body = {"kind": "Materialization", "metadata": meta, "spec": spec, "status": self.status.to_wire()}
        return Materialization.model_validate(body)

    def observed(self) -> Observed:
        job = TrainingJob.model_validate(JOB)
        job.status.runs = [SuccessfulRun(run=run, attempt=n, finished_at=START) for n, run in enumerate(self.fates, 1)]
        seen = Observed(
            artifacts="/runs", job=job, targets=Targets(collections={"images": COLLECTION}), session="session_1"
        )
        record = next((r for r in self.status.runs if r.state is RunState.STAGING), None)
        if record is None or record.submission_id not in self.submitted:
            return seen
        fate = self.fates[record.run]
        if fate == "Failed":
            return replace(seen, staging=RayJob(record.submission_id, JobState.FAILED))
        report = StagingReport.model_validate({"run": record.run, "outcome": fate, "outputs": record.outputs})
        return replace(seen, report=report, staging=RayJob(record.submission_id, JobState.SUCCEEDED))

    def check_drop(self, physical: str) -> None:
        guarded = {self.status.active.run if self.status.active else None, self.status.previous_run}
        guarded.add(self.spec.get("pinnedRun"))
        assert physical not in {collection_name("images", run) for run in guarded if run is not None}
        for record in self.status.runs:
            if collection_name("images", record.run) == physical:
                assert record.state in (RunState.RETIRING, RunState.REJECTED)
                assert record.retire_at is not None
                assert record.retire_at <= self.now

    def check(self) -> None:
        kept = {record.run: record for record in self.status.runs}
        assert len(kept) == len(self.status.runs)
        assert sum(record.state is RunState.STAGING for record in kept.values()) <= 1
        if self.status.active is not None:
            run = self.status.active.run
            assert self.fates[run] == "Staged"
            assert kept[run].state is RunState.STAGED
            assert self.status.active.outputs == kept[run].outputs
            assert collection_name("images", run) in self.stored
            assert self.status.active_run == run
        if self.status.previous_run is not None:
            assert self.fates[self.status.previous_run] == "Staged"
            assert collection_name("images", self.status.previous_run) in self.stored
        known = {collection_name("images", run) for run in kept}
        assert self.stored <= known, "a collection that no record knows is never dropped"


@settings(deadline=None, max_examples=100)
@given(st.lists(OPERATIONS, max_size=60))
@example([*THREE_RUNS, ("crash", 20), ("pin", 0)])
def test_what_is_served_was_staged_and_is_never_collected(operations: list[tuple[str, Any]]) -> None:
    history = History()
    for operation, value in operations:
        history.do(operation, value)


@settings(deadline=None, max_examples=100)
@given(st.lists(OPERATIONS, max_size=40))
@example([*THREE_RUNS[:2], ("pin", 0), THREE_RUNS[2]])
@example([("train", "Failed"), ("train", "Staged")])
def test_left_alone_a_history_comes_to_rest_at_its_limit(operations: list[tuple[str, Any]]) -> None:
    history = History()
    for operation, value in operations:
        history.do(operation, value)
    for _ in range(12):
        history.do("wait", 40)
    before = history.status.model_copy(deep=True)
    history.do("wait", 40)
    assert history.status == before
    states = [record.state for record in history.status.runs]
    assert states.count(RunState.STAGED) <= history.spec["historyLimit"] + 1
    assert RunState.STAGING not in states
    dropped = {r.run for r in history.status.runs if r.state is RunState.REJECTED and not r.outputs}
    assert len(dropped) <= history.spec["historyLimit"]
    wanted = {r.run for r in history.status.runs if r.state is RunState.STAGED} | {history.spec.get("pinnedRun", "")}
    assert history.stored <= {collection_name("images", run) for run in wanted}


def test_a_crowd_of_retiring_runs_is_given_no_grace() -> None:
    def record(number: int, state: RunState) -> RunRecord:
        late = START + timedelta(days=1) if state is RunState.RETIRING else None
        return RunRecord(run=f"r-{number}", state=state, uri=f"file:///r-{number}", retire_at=late)

    spec = MaterializationSpec.model_validate(
        {"trainingJobRef": {"name": "j"}, "features": [], "vectors": [], "historyLimit": 2, "gracePeriodSeconds": 86400}
    )
    for retiring, grace in ((10, timedelta(days=1)), (CROWDED, timedelta(0))):
        status = MaterializationStatus(runs=[record(n, RunState.RETIRING) for n in range(retiring)])
        status.runs += [record(n, RunState.STAGED) for n in range(retiring, retiring + 4)]
        retire(spec, status, Observed(), START)
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
