"""Which changes of a condition are told by an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from penstock.api.trainingjob import TrainingJob
from penstock.api.trainingjobreasons import SucceededReason
from penstock_operator.local.apiserver.cluster import LocalCluster
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.loop.conditions import Truth, with_condition
from penstock_operator.loop.key import Key
from penstock_operator.loop.kind import Related
from penstock_operator.loop.plan import Plan
from penstock_operator.loop.reconcile import reconcile

KEY = Key("TrainingJob", "default", "digits")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Says:
    """Sets the condition to what it is told."""

    truth: Truth
    reason: SucceededReason
    model, name = TrainingJob, "TrainingJob"
    related: Mapping[str, Related] = field(default_factory=dict)

    async def observe(self, obj: TrainingJob) -> None:
        """Nothing."""

    def plan(self, obj: TrainingJob, observed: None, now: datetime, since: datetime) -> Plan[Any]:
        status = obj.status.model_copy(deep=True)
        status.conditions = with_condition(
            status.conditions, "Succeeded", self.truth, self.reason, "", generation=1, now=now
        )
        return Plan(status)

    async def converge(self, obj: TrainingJob, action: Any) -> None:
        """Nothing."""


LIVES: dict[str, tuple[list[tuple[Truth, SucceededReason]], list[str]]] = {
    "a life without trouble tells its end alone": (
        [
            ("Unknown", SucceededReason.PENDING),
            ("Unknown", SucceededReason.RUNNING),
            ("True", SucceededReason.COMPLETED),
        ],
        ["Completed"],
    ),
    "what needs doing is told though the condition stays Unknown": (
        [
            ("Unknown", SucceededReason.PENDING),
            ("Unknown", SucceededReason.RAY_UNREACHABLE),
            ("Unknown", SucceededReason.RUNNING),
            ("Unknown", SucceededReason.BACKING_OFF),
            ("False", SucceededReason.ATTEMPTS_EXHAUSTED),
        ],
        ["AttemptsExhausted", "BackingOff", "RayUnreachable"],
    ),
    "what needs doing at once is told at once": ([("False", SucceededReason.INVALID_SOURCE)], ["InvalidSource"]),
    "a new try is told": (
        [("True", SucceededReason.COMPLETED), ("Unknown", SucceededReason.PENDING)],
        ["Completed", "Pending"],
    ),
}


@pytest.mark.parametrize("life", LIVES)
async def test_events_are_of_transitions(tmp_path: Path, life: str) -> None:
    steps, told = LIVES[life]
    store = ObjectStore(tmp_path / "state.db")
    store.create(
        {
            "apiVersion": "penstock.dev/v1alpha1",
            "kind": "TrainingJob",
            "metadata": {"name": "digits", "namespace": "default"},
            "spec": {"source": {"type": "Path", "path": "/code"}, "entrypoint": "train.py"},
        }
    )
    for truth, reason in steps:
        await reconcile(LocalCluster(store), Says(truth, reason), KEY, lambda: NOW)
    assert sorted(event["reason"] for event in store.list("Event", "default")) == told
    store.close()
