"""The text of `penstock describe`. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from penstock.api import Resource
from penstock.api.meta import Condition
from penstock.api.trainingrun import MADE
from penstock.cli.details import Runs, details
from penstock.cli.output import age, as_yaml
from penstock.cli.table import indented, line, table
from penstock.client.ends import reason_of
from penstock.client.records import Event

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""kubectl's own note; it holds the whole object, the values of a Secret too."""


def description(
    resource: Resource,
    document: dict[str, Any],
    events: Sequence[Event],
    now: datetime | None = None,
    runs: Runs | None = None,
) -> str:
    """All that is known of a resource."""
    now = now or datetime.now(UTC)
    parts = [metadata(resource, now)]
    if not resource.MANAGED:
        # What Penstock wrote is told by the details, in fewer words than the spec has.
        parts.append(f"Spec:\n{indented(as_yaml(document.get('spec') or {}))}")
    parts += [_conditions(resource, now), *details(resource, runs or Runs(), now)]
    rows = [[e.type, e.reason, _seen(e, now), e.source, e.message] for e in events]
    parts.append(table("Events", ["Type", "Reason", "Age", "From", "Message"], rows))
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
    return "\n".join(line(name, text) for name, text in lines.items())


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
    # One that an object is born with knows no time of its own.
    made = resource.metadata.creation_timestamp or MADE
    rows = [[c.type, c.status, c.reason, age(max(c.last_transition_time, made), now), c.message] for c in conditions]
    text = table("Conditions", ["Type", "Status", "Reason", "Age", "Message"], rows)
    long = [c for c in conditions if "\n" in c.message]
    text += "".join(f"\n  Message of {c.type}:\n{indented(c.message, 4)}" for c in long)
    advice = remedies(resource, conditions)
    return text + ("\nWhat to do:\n" + "\n".join(f"  {line}" for line in advice) if advice else "")
