"""Put what was measured of a run to its gates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from penstock.api.gates import (
    CanaryQueries,
    CentroidShift,
    Gate,
    GateResult,
    GateType,
    IndexRecall,
    MaxNullFraction,
    MetricThreshold,
    MinRows,
    PopulationStability,
)
from penstock.api.quantities import number
from penstock.materialize.gates.measures import cosine_distance, population_stability
from penstock.materialize.scan import Scan
from penstock.wiresize import shortened

MESSAGE_BYTES = 1024
"""What a gate tells is cut to so much: it may quote ids and metrics of any length."""
Search = Callable[[str, Sequence[Any], int], list[list[Any]]]
"""(output, ids of stored rows, k) to the ids of each one's nearest neighbours, by the index."""
Recall = Callable[[str, int, int], float]
"""(output, k, sampled rows) to the recall of the index against exact search."""


@dataclass(frozen=True)
class Evidence:
    """What is known of a run when its gates are asked."""

    metrics: Mapping[str, float]
    scans: Mapping[str, Scan]
    search: Search
    recall: Recall
    active: Mapping[str, Scan] = field(default_factory=dict)
    """Scans of the active run's outputs; empty where none is active."""
    lost: str = ""
    """Why the active run, which there is, cannot be compared with."""


class Unanswerable(Exception):
    """A gate asks for something that the run does not have."""


def evaluate(gates: Sequence[Gate], evidence: Evidence) -> list[GateResult]:
    """Every gate's result, in the order of the spec; one that cannot be answered fails."""
    results = []
    for gate in gates:
        try:
            results.append(_evaluate(gate, evidence))
        except Unanswerable as error:
            results.append(GateResult(name=gate.name, passed=False, message=shortened(str(error), MESSAGE_BYTES)))
    return results


def _evaluate(gate: Gate, evidence: Evidence) -> GateResult:
    asked, check = _asked(gate)
    if asked is None:
        raise Unanswerable(
            f"Its type {gate.type!r} is not known to the penstock that stages, and nothing passes unmeasured: "
            "upgrade it in the image of the stagings, or take the gate out"
        )
    passed, value, bound, what = check(asked, evidence)
    return GateResult(name=gate.name, passed=passed, value=value, bound=bound, message=shortened(what, MESSAGE_BYTES))


def _asked(gate: Gate) -> tuple[Any, Callable[[Any, Evidence], tuple[bool, float | None, str, str]]]:
    """What a gate asks for, and what checks it; None where its type is not known."""
    match gate.type:
        case GateType.MIN_ROWS:
            return gate.min_rows, _min_rows
        case GateType.MAX_NULL_FRACTION:
            return gate.max_null_fraction, _max_null_fraction
        case GateType.METRIC:
            return gate.metric, _metric
        case GateType.INDEX_RECALL:
            return gate.index_recall, _index_recall
        case GateType.CANARIES:
            return gate.canaries, _canaries
        case GateType.POPULATION_STABILITY:
            return gate.population_stability, _population_stability
        case GateType.CENTROID_SHIFT:
            return gate.centroid_shift, _centroid_shift
        case _:
            return None, _min_rows


def _scan(evidence: Evidence, output: str) -> Scan:
    if output not in evidence.scans:
        known = ", ".join(sorted(evidence.scans))
        raise Unanswerable(f"No output {output!r} is staged; there are {known}")
    return evidence.scans[output]


def _centroid(evidence: Evidence, output: str) -> np.ndarray[Any, Any]:
    centroid = _scan(evidence, output).centroid
    if centroid is None:
        raise Unanswerable(f"Output {output!r} holds no vectors")
    return centroid


def _before(evidence: Evidence, output: str) -> Scan | None:
    if evidence.lost:
        raise Unanswerable(f"There is nothing to compare with: {evidence.lost}; take the gate out for one run")
    return evidence.active.get(output)


def _min_rows(gate: MinRows, evidence: Evidence) -> tuple[bool, float, str, str]:
    rows = _scan(evidence, gate.output).rows
    return rows >= gate.rows, rows, f">= {gate.rows}", f"{gate.output} has {rows} rows"


def _max_null_fraction(gate: MaxNullFraction, evidence: Evidence) -> tuple[bool, float, str, str]:
    scan = _scan(evidence, gate.output)
    if gate.column is not None and gate.column not in scan.nulls:
        raise Unanswerable(f"Output {gate.output!r} has no column {gate.column!r} that is staged")
    columns = [gate.column] if gate.column is not None else list(scan.nulls)
    worst = max(columns, key=lambda name: scan.nulls[name], default="")
    share = scan.nulls.get(worst, 0) / max(scan.rows, 1)
    return (
        share <= number(gate.fraction),
        share,
        f"<= {gate.fraction}",
        f"{gate.output}.{worst} is null or NaN in {share:.2%}",
    )


def _metric(gate: MetricThreshold, evidence: Evidence) -> tuple[bool, float, str, str]:
    if gate.metric not in evidence.metrics:
        known = ", ".join(sorted(evidence.metrics)) or "none"
        raise Unanswerable(f"The manifest has no metric {gate.metric!r}; it has {known}")
    value = evidence.metrics[gate.metric]
    bounds = [f">= {gate.min}" if gate.min is not None else "", f"<= {gate.max}" if gate.max is not None else ""]
    enough = gate.min is None or value >= number(gate.min)
    bounded = gate.max is None or value <= number(gate.max)
    return enough and bounded, value, " and ".join(filter(None, bounds)), f"{gate.metric} is {value:.4g}"


def _index_recall(gate: IndexRecall, evidence: Evidence) -> tuple[bool, float, str, str]:
    _centroid(evidence, gate.output)
    value = evidence.recall(gate.output, gate.k, gate.sample)
    return value >= number(gate.min), value, f">= {gate.min}", f"recall at {gate.k} of {gate.output} is {value:.4f}"


def _canaries(gate: CanaryQueries, evidence: Evidence) -> tuple[bool, float, str, str]:
    _centroid(evidence, gate.output)
    found = evidence.search(gate.output, [query.id for query in gate.queries], gate.k)
    lost = [
        f"{query.id} does not find {wanted}"
        for query, ids in zip(gate.queries, found, strict=True)
        for wanted in query.expect
        if wanted not in {str(id_) for id_ in ids}
    ]
    total = sum(len(query.expect) for query in gate.queries)
    share = 1 - len(lost) / total
    return not lost, share, "all found", "; ".join(lost[:5]) or f"{total} expected neighbours found"


def _population_stability(gate: PopulationStability, evidence: Evidence) -> tuple[bool, float | None, str, str]:
    bound = f"<= {gate.max}"
    scan, before = _scan(evidence, gate.output), _before(evidence, gate.output)
    if gate.column is not None and gate.column not in scan.samples:
        raise Unanswerable(f"Output {gate.output!r} has no numeric column {gate.column!r}")
    if before is None:
        return True, None, bound, "No active run to compare with"
    columns = [gate.column] if gate.column is not None else [name for name in scan.samples if name in before.samples]
    indices = {n: population_stability(before.samples[n], scan.samples[n]) for n in columns if n in before.samples}
    worst = max(indices, key=lambda name: indices[name], default=None)
    if worst is None:
        return True, None, bound, "No column to compare"
    index = indices[worst]
    return index <= number(gate.max), index, bound, f"{gate.output}.{worst} moved by {index:.4f}"


def _centroid_shift(gate: CentroidShift, evidence: Evidence) -> tuple[bool, float | None, str, str]:
    bound = f"<= {gate.max}"
    centroid, before = _centroid(evidence, gate.output), _before(evidence, gate.output)
    if before is None or before.centroid is None or np.shape(before.centroid) != np.shape(centroid):
        return True, None, bound, "No active run of this dimension to compare with"
    shift = cosine_distance(before.centroid, centroid)
    return shift <= number(gate.max), shift, bound, f"the centroid of {gate.output} moved by {shift:.4f}"
