"""What `penstock describe` tells of a kind beyond its metadata, spec and conditions. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from penstock.api import Materialization, Resource, StagedRun, TrainingJob, TrainingRun
from penstock.api.stagedrun import StagedOutput
from penstock.api.trainingrun import RunMetric
from penstock.cli.output import age
from penstock.cli.table import line, table


class Runs(NamedTuple):
    """The runs that an object has to do with."""

    trained: Sequence[TrainingRun] = ()
    staged: Sequence[StagedRun] = ()


def details(resource: Resource, runs: Runs, now: datetime) -> list[str]:
    """The parts of an object's description that are its kind's own."""
    match resource:
        case TrainingJob():
            return _job(resource, runs, now)
        case TrainingRun():
            return _training_run(resource, runs, now)
        case Materialization():
            return _materialization(resource, runs, now)
        case StagedRun():
            return _staged_run(resource, now)
        case _:
            return []


def metric_values(metrics: Sequence[RunMetric]) -> str:
    """Metrics on one line."""
    return " ".join(f"{metric.name}={float(metric.value):.4g}" for metric in metrics)


def _job(job: TrainingJob, runs: Runs, now: datetime) -> list[str]:
    status = job.status
    attempts = [
        [a.number, a.run, a.state, a.reason, age(a.started_at, now) if a.started_at else "", a.resume_from]
        for a in status.attempts
    ]
    trained = [
        [
            run.metadata.name,
            run.spec.attempt,
            age(run.spec.created_at, now),
            ", ".join(run.status.served_by),
            metric_values(run.spec.metrics[:8]),
        ]
        for run in runs.trained
    ]
    parts = [
        table("Attempts", ["Number", "Run", "State", "Reason", "Started", "Resumed From"], attempts),
        table("Runs", ["Run", "Attempt", "Age", "Served By", "Metrics"], trained),
    ]
    if status.progress is not None:
        metrics = " ".join(f"{m.name}={m.value:.4g}" for m in status.progress.metrics)
        parts.append(line("Progress", f"{status.progress_text or status.progress.step} {metrics}".rstrip()))
    if status.dashboard_url:
        parts.append(line("Dashboard", status.dashboard_url))
    return parts


def _training_run(run: TrainingRun, runs: Runs, now: datetime) -> list[str]:
    spec = run.spec
    outputs = [[o.name, o.kind, o.format, o.rows, o.dimension, o.metric, len(o.columns) or None] for o in spec.outputs]
    return [
        line("Job", f"{spec.training_job_ref.name}, attempt {spec.attempt} ({spec.entrypoint})"),
        line("Trained", f"{age(spec.created_at, now)} ago"),
        line("Directory", spec.uri),
        line("Revision", spec.source_revision),
        line("Resumed From", spec.resumed_from),
        line("On Deletion", spec.deletion_policy),
        line("Served By", ", ".join(run.status.served_by)),
        table("Params", ["Name", "Value"], [[one.name, one.value] for one in spec.params]),
        table("Metrics", ["Name", "Value"], [[one.name, one.value] for one in spec.metrics]),
        table("Outputs", ["Name", "Kind", "Format", "Rows", "Dimension", "Metric", "Columns"], outputs),
        _stagings(runs.staged, now, "Materialization", lambda one: one.spec.materialization_ref.name),
    ]


def _materialization(mat: Materialization, runs: Runs, now: datetime) -> list[str]:
    status = mat.status
    gates = [[one.spec.training_run_ref.name, *row] for one in runs.staged for row in _gates(one)]
    return [
        line("Active Run", status.active.run if status.active is not None else None),
        line("Previous Run", status.previous.run if status.previous is not None else None),
        _outputs("Live", status.active.outputs if status.active is not None else ()),
        _stagings(runs.staged, now, "Run", lambda one: one.spec.training_run_ref.name),
        table("Gates", ["Run", "Gate", "Result", "Value", "Bound", "Message"], gates),
        *_drop_errors(runs.staged),
    ]


def _staged_run(staged: StagedRun, now: datetime) -> list[str]:
    spec, status = staged.spec, staged.status
    targets = [[one.output, "FeatureView", one.feature_view_ref.name, one.store_ref.name] for one in spec.features]
    targets += [
        [one.output, "VectorCollection", one.vector_collection_ref.name, one.store_ref.name] for one in spec.vectors
    ]
    ends = status.finished_at
    return [
        line("For", f"materialization/{spec.materialization_ref.name}"),
        line("Run", f"trainingrun/{spec.training_run_ref.name}"),
        line("Compared To", spec.baseline.run if spec.baseline is not None else None),
        line("State", f"{status.state}, {age(ends, now)} ago" if ends is not None else status.state),
        line("Progress", status.progress),
        line("Tries", f"{status.tries} of {spec.retry_limit + 1}"),
        line("Kept As", status.kept_as),
        table("Targets", ["Output", "Kind", "Name", "Store"], targets),
        _outputs("Outputs", status.outputs),
        table("Gates", ["Gate", "Result", "Value", "Bound", "Message"], _gates(staged)),
        *_drop_errors([staged]),
    ]


def _stagings(staged: Sequence[StagedRun], now: datetime, header: str, of: Callable[[StagedRun], str]) -> str:
    rows = []
    for one in staged:
        status = one.status
        ready = next((condition for condition in status.conditions if condition.type == "Ready"), None)
        rows.append(
            [
                one.metadata.name,
                of(one),
                status.state,
                ready.reason if ready is not None else "",
                status.kept_as,
                _passed(one),
                _recall(one),
                status.progress,
                age(status.finished_at, now) if status.finished_at is not None else "",
            ]
        )
    headers = ["Name", header, "State", "Reason", "Kept As", "Gates", "Recall", "Progress", "Finished"]
    return table("Staged Runs", headers, rows)


def _passed(staged: StagedRun) -> str:
    """How many of its gates it passed."""
    gates = staged.status.gates
    return f"{sum(gate.passed for gate in gates)}/{len(gates)}" if gates else ""


def _recall(staged: StagedRun) -> float | None:
    """The lowest recall of its indexes."""
    return min((output.recall for output in staged.status.outputs if output.recall is not None), default=None)


def _gates(staged: StagedRun) -> list[list[Any]]:
    return [
        [gate.name, "passed" if gate.passed else "FAILED", gate.value, gate.bound, gate.message]
        for gate in staged.status.gates
    ]


def _outputs(title: str, outputs: Sequence[StagedOutput]) -> str:
    rows = [[o.resource, o.kind, o.physical, o.rows, o.dimension, o.index, o.recall] for o in outputs]
    return table(title, ["Resource", "Kind", "Physical", "Rows", "Dimension", "Index", "Recall"], rows)


def _drop_errors(staged: Sequence[StagedRun]) -> list[str]:
    rows = [[one.metadata.name, one.status.drop_error] for one in staged if one.status.drop_error]
    return [table("Could Not Be Dropped", ["Name", "Why"], rows)] if rows else []
