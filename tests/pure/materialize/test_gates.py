"""Each kind of gate passes at its bound, fails past it, and says what it measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.api.gates import Gate, GateResult, GateType
from penstock.materialize.gates.evaluate import MESSAGE_BYTES, Evidence, evaluate
from penstock.materialize.scan import Scan
from penstock.wiresize import wire_bytes

INK = np.arange(1000, dtype=np.float64)
EAST, NORTH = np.array([1.0, 0.0]), np.array([0.0, 1.0])
NEIGHBOURS = {"1": [1, 2, 3], "2": [2, 3, 4], "9": []}


def features(rows: int = 10, nulls: dict[str, int] | None = None, ink: Any = INK) -> Scan:
    return Scan(rows=rows, nulls={"ink": 0, "label": 0} | (nulls or {}), samples={"ink": ink, "age": INK})


def embeddings(centroid: Any = EAST) -> Scan:
    return Scan(rows=10, nulls={"label": 0}, centroid=centroid)


RUN = Evidence(
    metrics={"accuracy": 0.9, "loss": 0.25},
    scans={"features": features(), "embeddings": embeddings()},
    search=lambda output, ids, k: [NEIGHBOURS[id_][:k] for id_ in ids],
    recall=lambda output, k, sample: 0.95,
)


def ask(kind: str, evidence: Evidence = RUN, **fields: Any) -> GateResult:
    type_ = next(type_ for type_ in GateType if type_.member == kind)
    (result,) = evaluate([Gate.model_validate({"name": "the-gate", "type": type_, kind: fields})], evidence)
    assert result.name == "the-gate"
    return result


def seen(output: str, scan: Scan, **more: Any) -> Evidence:
    return replace(RUN, scans={**RUN.scans, output: scan}, **more)


@pytest.mark.parametrize(("rows", "passed"), [(10, True), (11, False)])
def test_min_rows(rows: int, passed: bool) -> None:
    result = ask("minRows", output="features", rows=rows)
    assert (result.passed, result.value, result.bound) == (passed, 10, f">= {rows}")
    assert result.message == "features has 10 rows"


@pytest.mark.parametrize(
    ("column", "fraction", "passed", "message"),
    [
        ("ink", "0.2", True, "features.ink is null or NaN in 20.00%"),
        ("ink", "19%", False, "features.ink is null or NaN in 20.00%"),
        ("label", "0.0", True, "features.label is null or NaN in 0.00%"),
        (None, "0.19", False, "features.ink is null or NaN in 20.00%"),
    ],
)
def test_max_null_fraction(column: str | None, fraction: str, passed: bool, message: str) -> None:
    asked = {"output": "features", "fraction": fraction} | ({"column": column} if column else {})
    result = ask("maxNullFraction", seen("features", features(nulls={"ink": 2})), **asked)
    assert (result.passed, result.bound, result.message) == (passed, f"<= {fraction}", message)


@pytest.mark.parametrize(
    ("bounds", "passed", "bound"),
    [
        ({"min": "0.9"}, True, ">= 0.9"),
        ({"min": "0.91"}, False, ">= 0.91"),
        ({"max": "0.9"}, True, "<= 0.9"),
        ({"max": "0.89"}, False, "<= 0.89"),
        ({"min": "0.5", "max": "0.95"}, True, ">= 0.5 and <= 0.95"),
        ({"min": "0.95", "max": "1"}, False, ">= 0.95 and <= 1"),
    ],
)
def test_metric(bounds: dict[str, str], passed: bool, bound: str) -> None:
    result = ask("metric", metric="accuracy", **bounds)
    assert (result.passed, result.value, result.bound) == (passed, 0.9, bound)
    assert result.message == "accuracy is 0.9"


@pytest.mark.parametrize("bounds", [{"min": "0"}, {"max": "1"}, {"min": "-9999", "max": "9999"}])
def test_a_metric_that_is_not_a_number_passes_no_bound(bounds: dict[str, str]) -> None:
    assert not ask("metric", replace(RUN, metrics={"accuracy": float("nan")}), metric="accuracy", **bounds).passed


@pytest.mark.parametrize(("least", "passed"), [("0.95", True), ("95.0%", True), ("96%", False)])
def test_index_recall(least: str, passed: bool) -> None:
    result = ask("indexRecall", output="embeddings", k=5, min=least)
    assert (result.passed, result.value, result.bound) == (passed, 0.95, f">= {least}")
    assert result.message == "recall at 5 of embeddings is 0.9500"


@pytest.mark.parametrize(
    ("k", "queries", "value", "message"),
    [
        (3, {"1": ["2", "3"], "2": ["4"]}, 1.0, "3 expected neighbours found"),
        (2, {"1": ["2", "3"], "2": ["3"]}, 2 / 3, "1 does not find 3"),
        (3, {"9": ["1"]}, 0.0, "9 does not find 1"),
    ],
)
def test_canaries(k: int, queries: dict[str, list[str]], value: float, message: str) -> None:
    asked = [{"id": id_, "expect": expect} for id_, expect in queries.items()]
    result = ask("canaries", output="embeddings", k=k, queries=asked)
    assert result.value == pytest.approx(value)
    assert (result.passed, result.bound, result.message) == (value == 1.0, "all found", message)


def test_population_stability_passes_at_what_it_measured_and_fails_below() -> None:
    moved = seen("features", features(ink=INK + 100), active={"features": features()})
    value = ask("populationStability", moved, output="features", column="ink", max="9").value
    assert value is not None
    assert value > 0.25
    at = ask("populationStability", moved, output="features", column="ink", max=f"{value}")
    past = ask("populationStability", moved, output="features", max=f"{value - 0.001:.4f}")
    assert (at.passed, past.passed) == (True, False)
    assert past.value == value
    assert past.message == f"features.ink moved by {value:.4f}"
    assert ask("populationStability", moved, output="features", column="age", max="0").value == 0


@pytest.mark.parametrize(("centroid", "value"), [(EAST * 3, 0.0), (NORTH, 1.0), (-EAST, 2.0)])
def test_centroid_shift(centroid: Any, value: float) -> None:
    moved = seen("embeddings", embeddings(centroid), active={"embeddings": embeddings()})
    at = ask("centroidShift", moved, output="embeddings", max=f"{value}")
    assert (at.passed, at.value, at.bound) == (True, value, f"<= {value}")
    assert at.message == f"the centroid of embeddings moved by {value:.4f}"
    if value > 0:
        assert not ask("centroidShift", moved, output="embeddings", max=f"{value - 0.01:.2f}").passed


@pytest.mark.parametrize(
    ("kind", "output", "active", "message"),
    [
        ("populationStability", "features", {}, "No active run to compare with"),
        ("populationStability", "features", {"features": Scan(rows=1)}, "No column to compare"),
        ("centroidShift", "embeddings", {}, "No active run of this dimension to compare with"),
        ("centroidShift", "embeddings", {"embeddings": embeddings(np.ones(3))}, "No active run of this dimension"),
    ],
)
def test_a_comparison_without_its_counterpart_passes_and_says_so(
    kind: str, output: str, active: dict[str, Scan], message: str
) -> None:
    result = ask(kind, replace(RUN, active=active), output=output, max="0")
    assert (result.passed, result.value, result.bound) == (True, None, "<= 0")
    assert message in result.message


OUTPUT_GATES: list[tuple[str, dict[str, Any]]] = [
    ("minRows", {"rows": 1}),
    ("maxNullFraction", {"fraction": "1"}),
    ("indexRecall", {"min": "0"}),
    ("canaries", {"queries": [{"id": "1", "expect": ["2"]}]}),
    ("populationStability", {"max": "9"}),
    ("centroidShift", {"max": "2"}),
]


@pytest.mark.parametrize(("kind", "fields"), OUTPUT_GATES)
def test_a_gate_about_an_output_that_is_not_staged_fails_and_names_what_is(kind: str, fields: dict[str, Any]) -> None:
    result = ask(kind, output="images", **fields)
    assert (result.passed, result.value) == (False, None)
    assert result.message == "No output 'images' is staged; there are embeddings, features"


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        ("metric", {"metric": "f1", "min": "0"}, "The manifest has no metric 'f1'; it has accuracy, loss"),
        ("maxNullFraction", {"output": "features", "column": "hue", "fraction": "1"}, "has no column 'hue'"),
        ("populationStability", {"output": "features", "column": "label", "max": "9"}, "no numeric column 'label'"),
        ("centroidShift", {"output": "features", "max": "2"}, "Output 'features' holds no vectors"),
        ("indexRecall", {"output": "features", "min": "0"}, "Output 'features' holds no vectors"),
        ("canaries", {"output": "features", "queries": [{"id": "1", "expect": ["2"]}]}, "holds no vectors"),
    ],
)
def test_a_gate_that_cannot_be_answered_fails(kind: str, fields: dict[str, Any], message: str) -> None:
    result = ask(kind, **fields)
    assert (result.passed, result.value) == (False, None)
    assert message in result.message


def test_a_gate_of_a_type_that_is_not_known_fails_and_says_what_to_do() -> None:
    gate = Gate.model_validate({"name": "fair", "type": "Parity", "parity": {"output": "features", "max": "0.1"}})
    (result,) = evaluate([gate], RUN)
    assert (result.name, result.passed) == ("fair", False)
    assert "type 'Parity' is not known" in result.message
    assert "upgrade it in the image" in result.message


@given(st.lists(st.tuples(st.integers(1, 20), st.sampled_from(["features", "images"])), max_size=8))
def test_results_stand_in_the_order_of_the_spec_one_for_each(asked: list[tuple[int, str]]) -> None:
    gates = [
        Gate.model_validate({"name": f"g{i}", "type": "MinRows", "minRows": {"output": output, "rows": rows}})
        for i, (rows, output) in enumerate(asked)
    ]
    results = evaluate(gates, RUN)
    assert [result.name for result in results] == [gate.name for gate in gates]
    assert [result.passed for result in results] == [o == "features" and n <= 10 for n, o in asked]


def test_what_a_gate_tells_has_an_end_though_it_quotes_what_has_none() -> None:
    crowd = replace(RUN, metrics={f"{'m' * 500}{n}": 1.0 for n in range(100)})
    queries = [{"id": "1" * 256, "expect": [f"{n:0256}" for n in range(10)]}]
    lost = replace(RUN, search=lambda output, ids, k: [[] for _ in ids])
    for result in (
        ask("metric", crowd, metric="f1", min="0"),
        ask("canaries", lost, output="embeddings", queries=queries),
    ):
        assert not result.passed
        assert wire_bytes(result.message) <= MESSAGE_BYTES + 2
