"""`Served` out of what the gateways say: never True by hearsay, never False before they had time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from penstock.api.materialization import Active, ServedReason
from penstock.heartbeat import DURATION_SECONDS, Behind, Heartbeat, to_lease
from penstock_operator.loop.plan import ALWAYS
from penstock_operator.materialization.served import GRACE, Verdict, heartbeats, served

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SWITCHED = NOW - timedelta(hours=1)
ACTIVE = Active.model_validate(
    {
        "run": "r-2",
        "stagedRunRef": {"name": "m-r-2", "uid": "two"},
        "uri": "file:///r-2",
        "trainedAt": SWITCHED.isoformat(),
        "switchedAt": SWITCHED.isoformat(),
    }
)


def behind(uid: str = "two", problem: str = "Milvus refuses", name: str = "m", namespace: str = "shop") -> Behind:
    return Behind(namespace=namespace, name=name, run="r", uid=uid, since=SWITCHED, problem=problem)


def beat(replica: str = "a", *behind: Behind, **said: Any) -> Heartbeat:
    return Heartbeat(replica, **{"renewed_at": NOW, "seen": SWITCHED, "behind": behind} | said)


def verdict(*replicas: Heartbeat, active: Active | None = ACTIVE, since: datetime = ALWAYS) -> Verdict:
    return served("shop", "m", active, replicas, NOW, since)


def test_true_where_all_that_live_answer_with_the_active_run() -> None:
    told = verdict(beat("a"), beat("b", behind(name="other"), behind(namespace="bank")))
    assert told[:2] == ("True", ServedReason.SERVED)
    assert told.message == "Run r-2 answers in 2 gateways"


@pytest.mark.parametrize(
    ("replica", "why"),
    [
        (beat("b", behind()), "b: Milvus refuses"),
        (beat("b", behind(problem="")), "b: it is being loaded"),
        (beat("b", seen=None), "b: it does not follow the pointers"),
        (beat("b", seen=SWITCHED - timedelta(seconds=1)), "b: it has not seen the switch yet"),
        (beat("b", behind(uid="one")), "b: it has not seen the switch yet"),
        (beat("b", behind(name="x"), more=3), "b: it is behind with 4 materializations, more than it can name"),
    ],
)
def test_one_that_does_not_is_named_with_the_cause_after_its_grace_alone(replica: Heartbeat, why: str) -> None:
    told = verdict(beat("a"), replica)
    assert told[:2] == ("False", ServedReason.NOT_LOADED)
    assert told.message.startswith(f"Run r-2 does not answer in 1 of 2 gateways: {why}")
    early = ACTIVE.model_copy(update={"switched_at": NOW - GRACE + timedelta(seconds=1)})
    waiting = verdict(replica._replace(seen=replica.seen and early.switched_at), active=early)
    if replica.behind or replica.seen is None:
        assert waiting[:2] == ("Unknown", ServedReason.LOADING)
        assert waiting.again == NOW + timedelta(seconds=1)


def test_no_time_counts_in_which_nobody_looked() -> None:
    began = NOW - GRACE + timedelta(seconds=1)
    assert verdict(beat("a", behind()), since=began)[:2] == ("Unknown", ServedReason.LOADING)
    assert verdict(beat("a", behind()), since=NOW - GRACE)[:2] == ("False", ServedReason.NOT_LOADED)


def test_a_switch_is_not_taken_for_served_before_a_gateway_has_seen_it() -> None:
    now = ACTIVE.model_copy(update={"switched_at": NOW})
    assert verdict(beat("a"), active=now)[:2] == ("Unknown", ServedReason.LOADING)
    assert verdict(beat("a", seen=NOW), active=now)[:2] == ("True", ServedReason.SERVED)


def test_unknown_without_a_gateway_for_the_namespace_and_without_a_run() -> None:
    assert verdict()[:2] == ("Unknown", ServedReason.NO_GATEWAY)
    assert verdict(beat("a", namespaces=["bank"]))[:2] == ("Unknown", ServedReason.NO_GATEWAY)
    assert verdict(beat("a", namespaces=["shop"])).truth == "True"
    assert verdict(beat("a"), active=None)[:2] == ("Unknown", ServedReason.NO_RUN)


def test_a_message_names_few_of_many_replicas() -> None:
    told = verdict(*(beat(f"g{number}", behind()) for number in range(40)))
    assert told.message.count("Milvus refuses") == 5
    assert told.message.endswith(", and 35 more")


def test_only_leases_that_were_renewed_lately_count() -> None:
    gone = beat("gone", behind(), renewed_at=NOW - timedelta(seconds=DURATION_SECONDS))
    leases = [to_lease(one, "penstock") for one in (beat("b"), gone, beat("a"))]
    leases.append({"metadata": {"name": "penstock-operator"}, "spec": {}})
    assert [one.replica for one in heartbeats(leases, NOW)] == ["a", "b"]
