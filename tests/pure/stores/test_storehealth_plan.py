"""A store shows what it answered, and a deleted one waits for what still needs it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from penstock.api.meta import ObjectMeta
from penstock.api.stores import StoreReason
from penstock_operator.loop.conditions import find
from penstock_operator.stores.plan import HEALTHY_SECONDS, SICK_SECONDS, USED_SECONDS, Decision, Observed, decide

NOW = datetime(2026, 1, 1, tzinfo=UTC)
META = ObjectMeta(name="milvus", generation=2)
DYING = META.model_copy(update={"deletion_timestamp": NOW})
WELL = Observed(StoreReason.READY, "The store answers", "2.6")
AWAY = Observed(StoreReason.UNREACHABLE, "Milvus at http://milvus:19530 did not answer")
NEEDED = ("VectorCollection images", "StagedRun digits-1")


def ready(decision: Decision) -> tuple[str, str, str]:
    condition = find(decision.conditions, "Ready")
    assert condition is not None
    assert condition.observed_generation == 2
    return condition.status, condition.reason, condition.message


@pytest.mark.parametrize(
    ("reason", "truth"),
    [
        (StoreReason.READY, "True"),
        (StoreReason.UNREACHABLE, "False"),
        (StoreReason.INVALID_CONFIG, "False"),
        (StoreReason.MISSING_REFERENCE, "False"),
    ],
)
def test_the_answer_is_shown_and_a_sick_store_is_asked_more_often(reason: StoreReason, truth: str) -> None:
    decision = decide(META, "", [], Observed(reason, "as it said"), NOW)
    assert ready(decision) == (truth, str(reason), "as it said")
    assert decision.after == (HEALTHY_SECONDS if truth == "True" else SICK_SECONDS)
    assert not decision.finalized


def test_a_store_that_comes_back_is_ready_again_and_the_time_says_since_when() -> None:
    times = []
    conditions = decide(META, "", [], WELL, NOW).conditions
    for n, seen in enumerate([WELL, AWAY, AWAY, WELL], 1):
        conditions = decide(META, "", conditions, seen, NOW + timedelta(seconds=n)).conditions
        (condition,) = conditions
        times.append((condition.status, (condition.last_transition_time - NOW).total_seconds()))
    assert times == [("True", 0), ("False", 2), ("False", 2), ("True", 4)]


@pytest.mark.parametrize("seen", [WELL, AWAY])
def test_a_deleted_store_that_nobody_needs_goes_at_once(seen: Observed) -> None:
    assert decide(DYING, "", [], seen, NOW).finalized


@pytest.mark.parametrize("seen", [WELL, AWAY])
def test_a_deleted_store_waits_for_its_users_and_names_them(seen: Observed) -> None:
    waiting = decide(DYING, "", [], replace(seen, users=NEEDED), NOW + timedelta(days=1))
    assert not waiting.finalized
    assert waiting.after == USED_SECONDS
    assert ready(waiting) == ("False", "InUse", "Waiting for VectorCollection images, StagedRun digits-1 to go")


def test_users_do_not_trouble_a_store_that_stays() -> None:
    decision = decide(META, "", [], replace(WELL, users=NEEDED), NOW)
    assert ready(decision) == ("True", "Ready", "The store answers")
