"""Secrets are remembered for as long as something reads them, and shown to nobody."""

from __future__ import annotations

from penstock_operator.secretmemory import KEPT_SECONDS, SecretMemory


def test_what_is_not_used_for_long_is_forgotten_and_what_is_used_stays() -> None:
    now = [0.0]
    memory = SecretMemory(lambda: now[0])
    memory.remember("team", "old", {"data": {"a": "b"}})
    memory.remember("team", "used", {"data": {"c": "d"}})
    now[0] = KEPT_SECONDS - 1
    assert memory.recall("team", "used") == {"data": {"c": "d"}}
    now[0] = KEPT_SECONDS + 1
    assert memory.recall("team", "old") is None
    assert memory.recall("team", "used") == {"data": {"c": "d"}}
    assert memory.recall("other", "used") is None


def test_a_secret_that_was_changed_is_remembered_as_it_is() -> None:
    memory = SecretMemory()
    memory.remember("team", "key", {"data": {"a": "first"}})
    memory.remember("team", "key", {"data": {"a": "second"}})
    assert memory.recall("team", "key") == {"data": {"a": "second"}}


def test_it_shows_no_values() -> None:
    memory = SecretMemory()
    memory.remember("team", "key", {"data": {"token": "hidden"}})
    assert "hidden" not in f"{memory!r} {memory}"
