"""What was deleted does not come back into the cache by the answer to a write."""

from __future__ import annotations

from typing import Any

from penstock_operator.kubernetes import cache as module
from penstock_operator.kubernetes.cache import Cache
from penstock_operator.loop.key import Key


def obj(uid: str, version: int) -> dict[str, Any]:
    meta = {"name": "a", "namespace": "n", "uid": uid, "resourceVersion": str(version)}
    return {"apiVersion": "v1", "kind": "K", "metadata": meta}


def test_answer_to_the_last_write_comes_after_the_deletion_was_seen() -> None:
    cache = Cache(["K"])
    cache.put(obj("1", 1))
    cache.remove(obj("1", 3))
    cache.put(obj("1", 2))
    assert cache.list("K") == []


def test_answer_to_the_first_write_comes_after_the_deletion_was_seen() -> None:
    cache = Cache(["K"])
    cache.remove(obj("1", 2))
    cache.put(obj("1", 1))
    assert cache.list("K") == []


def test_another_object_of_the_same_name_is_seen() -> None:
    cache = Cache(["K"])
    cache.put(obj("1", 1))
    cache.remove(obj("1", 2))
    cache.put(obj("2", 3))
    assert [found["metadata"]["uid"] for found in cache.list("K")] == ["2"]


async def test_one_that_is_made_while_the_api_says_that_there_is_none_is_kept() -> None:
    cache = Cache(["K"])
    cache.put(obj("1", 1))

    async def ask(kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        cache.put(obj("2", 3))
        return None

    await cache.reread(Key("K", "n", "a"), ask)
    assert [found["metadata"]["uid"] for found in cache.list("K")] == ["2"]
    cache.put(obj("1", 1))
    assert [found["metadata"]["uid"] for found in cache.list("K")] == ["2"]


def test_only_so_many_are_remembered(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)
    cache = Cache(["K"])
    for number in range(4):
        cache.remove(obj(str(number), 1))
    cache.put(obj("0", 1))
    assert cache.get("K", "n", "a") is not None
