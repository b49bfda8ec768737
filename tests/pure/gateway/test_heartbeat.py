"""What a gateway says of itself fits into a Lease, whatever is wrong, and is read as it was meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from penstock.heartbeat import DURATION_SECONDS, Behind, Heartbeat, from_lease, to_lease
from penstock.wiresize import wire_bytes

NOW = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
ANNOTATIONS_BYTES = 256 * 1024
"""Of one object, all of them together; the API server refuses more."""


def behind(number: int, problem: str = "the disk is full") -> Behind:
    since = NOW - timedelta(seconds=number)
    return Behind(namespace="shop", name=f"m{number}", run="r-1", uid=f"u{number}", since=since, problem=problem)


def test_a_heartbeat_is_read_as_it_was_written() -> None:
    beat = Heartbeat("a", NOW, NOW - timedelta(days=1), [behind(1)], namespaces=["shop", "bank"])
    assert from_lease(to_lease(beat, "penstock")) == beat
    bare = Heartbeat("a", NOW, None)
    assert from_lease(to_lease(bare, "penstock")) == bare._replace(behind=[], namespaces=[])


@pytest.mark.parametrize("problem", ["x" * 100_000, "<" * 100_000, "ж" * 100_000, ""])
def test_what_does_not_fit_is_counted_and_those_that_wait_longest_are_named(problem: str) -> None:
    beat = Heartbeat("a", NOW, NOW, [behind(number, problem) for number in range(5000)])
    lease = to_lease(beat, "penstock")
    assert wire_bytes(lease["metadata"]["annotations"]) < ANNOTATIONS_BYTES
    read = from_lease(lease)
    assert read is not None
    assert len(read.behind) + read.more == 5000
    assert read.more > 0
    assert [one.name for one in read.behind] == [f"m{4999 - number}" for number in range(len(read.behind))]


def test_a_replica_that_was_silent_counts_as_gone() -> None:
    beat = Heartbeat("a", NOW, NOW)
    assert beat.lives(NOW + timedelta(seconds=DURATION_SECONDS - 1))
    assert not beat.lives(NOW + timedelta(seconds=DURATION_SECONDS))


@pytest.mark.parametrize(
    "spoilt",
    [
        {"annotations": {}},
        {"annotations": None},
        {"annotations": {"penstock.dev/behind": "[{]"}},
    ],
)
def test_a_lease_that_is_not_understood_is_nobodys(spoilt: dict[str, object]) -> None:
    lease = to_lease(Heartbeat("a", NOW, NOW), "penstock")
    lease["metadata"] |= spoilt
    assert from_lease(lease) is None
    assert from_lease({"metadata": {}}) is None


def test_a_lease_goes_with_its_pod() -> None:
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}
    assert to_lease(Heartbeat("p", NOW, NOW), "penstock", owner)["metadata"]["ownerReferences"] == [owner]
    assert "ownerReferences" not in to_lease(Heartbeat("p", NOW, NOW), "penstock")["metadata"]
