"""A status never outgrows what the Kubernetes API can store, whatever the limits of the spec let in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from penstock.api.gates import GateResult
from penstock.api.materialization import (
    MAX_KEPT_OUTPUTS,
    MaterializationSpec,
    MaterializationStatus,
    RunRecord,
    RunState,
    StagedOutput,
)
from penstock.api.meta import ReconciledReason
from penstock.api.views import FeatureView, VectorCollection
from penstock.handoff import StagingReport
from penstock.wiresize import wire_bytes
from penstock_operator.loop.reconciled import failing
from penstock_operator.materialization.observed import Drop, Targets
from penstock_operator.materialization.room import GATE_BYTES, OLD_MESSAGE_BYTES, REFUSALS, STATUS_BYTES
from penstock_operator.ports import JobState

LONG = 63
ARTIFACTS = f"s3://{'a' * 507}"
DIGEST = f"sha256:{'a' * 64}"
COSTLY = "<"
"""Six bytes on the wire."""


def most(model: Any, field: str) -> int:
    """The length that the API lets a field have."""
    metadata = model.model_fields[field].metadata
    return next(int(one.max_length) for one in metadata if getattr(one, "max_length", None) is not None)


GATES = most(MaterializationSpec, "gates")


def named(letter: str, number: int) -> str:
    return f"{letter * (LONG - 3)}{number:03}"


def widen(life: Any, outputs: int, history: int) -> None:
    """As many outputs as told, with the longest names, and gates without end."""
    features = min(outputs, most(MaterializationSpec, "features"))
    views = [named("v", number) for number in range(features)]
    collections = [named("c", number) for number in range(outputs - features)]
    gates = [{"name": named("g", n), "type": "Metric", "metric": {"metric": "m", "min": "0.5"}} for n in range(GATES)]
    life.change(
        features=[
            {"name": view, "output": named("f", n), "featureViewRef": {"name": view}} for n, view in enumerate(views)
        ],
        vectors=[
            {"name": c, "output": named("e", n), "vectorCollectionRef": {"name": c}} for n, c in enumerate(collections)
        ],
        gates=gates,
        historyLimit=history,
        stagingRetryLimit=0,
        gracePeriodSeconds=86400,
    )
    columns = {"entities": [{"name": "id", "type": "Int64"}], "features": [{"name": "ink", "type": "Float32"}]}
    store = {"storeRef": {"name": named("s", 0)}}
    targets = Targets(
        views={name: target(FeatureView, name, **store, **columns) for name in views},
        collections={name: target(VectorCollection, name, **store, dimension=32768) for name in collections},
    )
    life.seen = replace(life.seen, targets=targets, artifacts=ARTIFACTS)


def target(kind: Any, name: str, **spec: Any) -> Any:
    return kind.model_validate({"kind": kind.__name__, "metadata": {"name": name}, "spec": spec})


def report(life: Any, outcome: str) -> StagingReport:
    """All that a staging can say, and more than it should."""
    heavy = {"rows": 10**15, "dimension": 32768, "recall": 0.1234567890123456, "encoder_digest": DIGEST}
    chosen = {"index": "IVFFlat", "metric": "InnerProduct", "serving": "InMemory", "encoder": named("n", 0)}
    outputs = [StagedOutput.model_validate({**one.model_dump(), **heavy, **chosen}) for one in life.record.outputs]
    message = COSTLY * most(GateResult, "message")
    gates = [
        GateResult(name=named("g", n), passed=outcome == "Staged", value=1e-300, bound=COSTLY * 128, message=message)
        for n in range(GATES)
    ]
    body = {"run": life.record.run, "outcome": outcome, "message": "" if outcome == "Staged" else COSTLY * 200_000}
    return StagingReport(**body, outputs=outputs, gates=gates)


def size(life: Any) -> int:
    """Of the status as the loop writes it."""
    status: MaterializationStatus = life.status.model_copy(deep=True)
    if life.told:
        status.conditions = failing(status.conditions, ReconciledReason.CLEANUP_FAILED, life.told, 1, life.now)
    return wire_bytes(status.to_wire())


def live(life: Any, runs: int, fates: str = "SRSF") -> list[int]:
    """So many further runs, which are staged, refused or fail by turns; how large the status was after each pass."""
    sizes = []
    for _ in range(runs):
        life.runs.append(f"{'f' * 8}-{10**9 + len(life.runs)}")
        fate = fates[len(life.runs) % len(fates)]
        for _ in range(2):
            life.look(after=2)
            sizes.append(size(life))
        if life.record.state is RunState.STAGING:
            life.record.session = "s" * most(RunRecord, "session")
            failed = life.running(JobState.FAILED)
            ends = {"report": report(life, {"S": "Staged", "R": "Rejected", "F": "Invalid"}[fate])}
            life.look(staging=failed, **({"log_tail": COSTLY * 100_000} if fate == "F" else ends))
            sizes.append(size(life))
        for _ in range(2):
            life.look(after=2, refusal=COSTLY * 2000 if life.refusing else "")
            sizes.append(size(life))
    return sizes


WIDEST = most(MaterializationSpec, "features") + most(MaterializationSpec, "vectors")
SHAPES = [(WIDEST, MAX_KEPT_OUTPUTS // WIDEST), (MAX_KEPT_OUTPUTS // 50, 50)]


@pytest.mark.parametrize(("outputs", "history"), SHAPES)
def test_a_history_at_its_limits_fits_and_holds_nothing_up(life: Any, outputs: int, history: int) -> None:
    widen(life, outputs, history)
    sizes = live(life, history + 6)
    assert max(sizes) < STATUS_BYTES
    assert life.condition("Staged").reason != "HistoryFull"
    states = [record.state for record in life.status.runs]
    assert states.count(RunState.STAGED) >= min(history, 8)
    assert states.count(RunState.REJECTED) <= REFUSALS + 2


def test_what_cannot_be_dropped_fills_the_status_to_its_bound_and_no_further(life: Any) -> None:
    widen(life, *SHAPES[0])
    life.spec["gracePeriodSeconds"], life.refusing = 0, True
    sizes = live(life, 30)
    assert STATUS_BYTES / 2 < max(sizes) < STATUS_BYTES
    staged = life.condition("Staged")
    assert (staged.status, staged.reason) == ("False", "HistoryFull")
    assert "room for no other staging" in staged.message
    assert COSTLY in staged.message
    served = life.served()
    assert len(served) == WIDEST
    life.refusing = False
    for _ in range(3):
        dropped = life.look(after=3600)
    assert not [action for action in dropped.cleanup if isinstance(action, Drop)]
    assert life.record.state is RunState.STAGING
    assert life.served() == served


def test_a_mapping_that_shrinks_while_more_runs_are_kept_fits(life: Any) -> None:
    sizes = []
    for outputs, history in (*SHAPES, SHAPES[0]):
        widen(life, outputs, history)
        sizes += live(life, min(history, 12), "SSSR")
    assert max(sizes) < STATUS_BYTES
    assert life.served() != []


def test_gates_are_told_in_full_where_people_look_and_of_other_runs_the_first_that_failed(life: Any) -> None:
    widen(life, 2, 4)
    live(life, 8, "SR")
    active = life.status.active
    for record in life.status.runs:
        told = record is life.record or (record.run, record.revision) == (active.run, active.revision)
        failed = record.state is RunState.REJECTED
        assert (record.gates_passed, record.gates_failed) == ((0, GATES) if failed else (GATES, 0))
        assert len(record.gates) == (GATES if told else failed)
        assert all(wire_bytes(gate.message) <= GATE_BYTES + 2 for gate in record.gates)
        assert told or wire_bytes(record.message) <= OLD_MESSAGE_BYTES + 2
        assert record.stage_uri == ""
