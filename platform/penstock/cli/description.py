"""The text of `penstock describe`. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from penstock.api import Materialization, Resource, TrainingJob
from penstock.api.materialization import RunRecord
from penstock.api.meta import Condition
from penstock.cli.output import age, as_yaml, columns
from penstock.client.ends import reason_of
from penstock.client.records import Event

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""kubectl's own note; it holds the whole object, the values of a Secret too."""


def description(
    resource: Resource, document: dict[str, Any], events: Sequence[Event], now: datetime | None = None
) -> str:
    """All that is known of a resource."""
    now = now or datetime.now(UTC)
    parts = [metadata(resource, now), f"Spec:\n{_indented(as_yaml(document.get('spec') or {}))}"]
    parts.append(_conditions(resource, now))
    if isinstance(resource, TrainingJob):
        parts += _job(resource, now)
    if isinstance(resource, Materialization):
        parts += _materialization(resource, now)
    rows = [[e.type, e.reason, _seen(e, now), e.source, e.message] for e in events]
    parts.append(_table("Events", ["Type", "Reason", "Age", "From", "Message"], rows))
    return "\n".join(parts)


def remedies(resource: Resource, conditions: Sequence[Condition]) -> list[str]:
    """What to do about each condition that is not True, where there is something to do."""
    lines = []
    for condition in conditions:
        reason = reason_of(resource, condition)
        if condition.status != "True" and reason is not None and reason.remedy:
            lines.append(
                f"{condition.type} ({condition.reason}): {reason.remedy.replace('NAME', resource.metadata.name)}"
            )
    return lines


def metadata(resource: Resource, now: datetime) -> str:
    """The lines on an object's metadata."""
    meta = resource.metadata
    lines = {
        "Name": meta.name,
        "Namespace": meta.namespace,
        "Kind": f"{resource.kind} ({resource.api_version})",
        "Labels": listed(meta.labels),
        "Annotations": listed({key: value for key, value in meta.annotations.items() if key != LAST_APPLIED}),
        "Age": age(meta.creation_timestamp, now),
        "Generation": str(meta.generation),
    }
    if meta.deletion_timestamp is not None:
        lines["Deleting"] = f"for {age(meta.deletion_timestamp, now)}"
    return "\n".join(f"{name + ':':<13} {text}" for name, text in lines.items())


def listed(pairs: Mapping[str, str]) -> str:
    """Labels or annotations on one line."""
    return ", ".join(f"{key}={value}" for key, value in pairs.items()) or "<none>"


def _seen(event: Event, now: datetime) -> str:
    """When an event was, and how often, as kubectl writes it."""
    if event.count <= 1:
        return age(event.first_seen or event.last_seen, now)
    return f"{age(event.last_seen, now)} (x{event.count} over {age(event.first_seen, now)})"


def _conditions(resource: Resource, now: datetime) -> str:
    conditions: list[Condition] = resource.status.conditions  # type: ignore[attr-defined]
    rows = [[c.type, c.status, c.reason, age(c.last_transition_time, now), c.message] for c in conditions]
    text = _table("Conditions", ["Type", "Status", "Reason", "Age", "Message"], rows)
    long = [c for c in conditions if "\n" in c.message]
    text += "".join(f"\n  Message of {c.type}:\n{_indented(c.message, 4)}" for c in long)
    advice = remedies(resource, conditions)
    return text + ("\nWhat to do:\n" + "\n".join(f"  {line}" for line in advice) if advice else "")


def _job(job: TrainingJob, now: datetime) -> list[str]:
    status = job.status
    attempts = [
        [a.number, a.run, a.state, a.reason, age(a.started_at, now) if a.started_at else "", a.resume_from or ""]
        for a in status.attempts
    ]
    runs = [
        [run.run, run.attempt, age(run.finished_at, now), " ".join(f"{m.name}={m.value:.4g}" for m in run.metrics)]
        for run in status.runs
    ]
    parts = [
        _table("Attempts", ["Number", "Run", "State", "Reason", "Started", "Resumed From"], attempts),
        _table("Runs", ["Run", "Attempt", "Age", "Metrics"], runs),
    ]
    if status.progress is not None:
        metrics = " ".join(f"{m.name}={m.value:.4g}" for m in status.progress.metrics)
        parts.append(f"Progress:     {status.progress_text or status.progress.step} {metrics}".rstrip())
    if status.dashboard_url:
        parts.append(f"Dashboard:    {status.dashboard_url}")
    return parts


def _materialization(mat: Materialization, now: datetime) -> list[str]:
    status = mat.status
    live = status.active
    outputs = [
        [o.resource, o.kind, o.physical, o.rows, o.dimension, o.index, o.recall] for o in (live.outputs if live else ())
    ]
    runs = [
        [r.run, r.revision, r.state, r.tries, _gates(r), r.reason, age(r.finished_at, now) if r.finished_at else ""]
        for r in status.runs
    ]
    gates = [
        [record.run, gate.name, "passed" if gate.passed else "FAILED", gate.value, gate.bound, gate.message]
        for record in status.runs
        for gate in record.gates
    ]
    return [
        f"Active Run:   {status.active_run or '<none>'}",
        f"Previous Run: {status.previous_run or '<none>'}",
        _table("Live", ["Resource", "Kind", "Physical", "Rows", "Dimension", "Index", "Recall"], outputs),
        _table("Runs", ["Run", "Revision", "State", "Tries", "Gates", "Reason", "Finished"], runs),
        _table("Gates", ["Run", "Gate", "Result", "Value", "Bound", "Message"], gates),
    ]


def _gates(record: RunRecord) -> str:
    """How many of its gates it passed."""
    asked = record.gates_passed + record.gates_failed
    return f"{record.gates_passed}/{asked}" if asked else ""


def _table(title: str, headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    if not rows:
        return f"{title + ':':<13} <none>"
    return f"{title}:\n{_indented(columns(headers, rows))}"


def _indented(text: str, by: int = 2) -> str:
    return "\n".join(f"{' ' * by}{line}".rstrip() for line in text.splitlines())
