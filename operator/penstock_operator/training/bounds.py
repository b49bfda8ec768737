"""How much a status keeps of attempts, so that it never outgrows what the Kubernetes API can store. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.api.meta import NamedNumber
from penstock.api.trainingjob import TrainingJobStatus
from penstock.wiresize import shortened, wire_bytes

STATUS_BYTES = 384 * 1024
"""No status is larger."""
MESSAGE_BYTES, OLD_MESSAGE_BYTES = 8192, 1024
NAME_BYTES = 128
METRICS = 64


def named_numbers(metrics: Mapping[str, float]) -> list[NamedNumber]:
    """As many of the metrics as a status has room for, by name; one whose name is too long stays in the manifest."""
    fitting = {name: value for name, value in metrics.items() if name and wire_bytes(name) - 2 <= NAME_BYTES}
    return [NamedNumber(name=name, value=value) for name, value in sorted(fitting.items())][:METRICS]


def trim(status: TrainingJobStatus) -> None:
    """Cut what older attempts tell."""
    for attempt in status.attempts[:-1]:
        attempt.message = shortened(attempt.message, OLD_MESSAGE_BYTES)
    for attempt in status.attempts[-1:]:
        attempt.message = shortened(attempt.message, MESSAGE_BYTES)
