"""A deleted view or collection takes its public name along: it insists for a while, and then says what stays."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from penstock.api import FINALIZER
from penstock_operator.loop.finalizing import GIVE_UP_SECONDS
from penstock_operator.secretmemory import SecretMemory

if TYPE_CHECKING:
    from conftest import Names


async def test_its_name_goes_with_it(names: Names) -> None:
    names.feeder("digits", "r-1")
    await names.look()
    names.objects.delete(names.form.kind, "default", "images")
    await names.look()
    assert names.get() is None
    assert names.backend.names == {}
    assert names.left_behind() == []


async def test_a_name_that_was_moved_but_not_yet_written_down_goes_too(names: Names) -> None:
    names.feeder("digits", "r-1")
    await names.look(passes=1)
    assert names.get()["status"].get(names.form.physical) is None
    assert names.backend.names
    names.objects.delete(names.form.kind, "default", "images")
    await names.look()
    assert names.backend.names == {}


async def test_a_name_that_was_moved_by_hand_since_stays(names: Names) -> None:
    names.feeder("digits", "r-1")
    await names.look()
    names.backend.names = {"images": "by_hand"}
    names.objects.delete(names.form.kind, "default", "images")
    await names.look()
    assert names.get() is None
    assert names.backend.names == {"images": "by_hand"}


async def test_a_store_that_is_away_for_a_moment_is_asked_again(names: Names) -> None:
    names.feeder("digits", "r-1")
    await names.look()
    names.backend.away = True
    names.objects.delete(names.form.kind, "default", "images")
    await names.look(after=1)
    assert names.conditions()["Reconciled"] == ("False", "CleanupFailed", "The store did not answer")
    assert names.conditions()["Ready"][:2] == ("False", "Deleting")
    names.backend.away = False
    await names.look(after=GIVE_UP_SECONDS - 5)
    assert names.get() is None
    assert names.backend.names == {}
    assert names.left_behind() == []


async def test_a_store_that_stays_away_is_given_up_in_bounded_time_and_what_stays_is_told(names: Names) -> None:
    names.feeder("digits", "r-1")
    await names.look()
    names.backend.away = True
    names.objects.delete(names.form.kind, "default", "images")
    for after in (1, GIVE_UP_SECONDS - 5):
        await names.look(after)
        assert names.get() is not None
    await names.look(GIVE_UP_SECONDS + 2)
    assert names.get() is None
    what = f"{names.form.noun} 'images' in {names.form.store} 'store'"
    assert names.left_behind() == [f"{what} stays behind: The store did not answer"]


async def test_the_time_in_which_no_control_plane_ran_is_no_patience(names: Names) -> None:
    names.feeder("digits", "r-1")
    await names.look()
    names.backend.away = True
    names.objects.delete(names.form.kind, "default", "images")
    await names.look(after=1)
    later = GIVE_UP_SECONDS * 10
    names.since = names.now + timedelta(seconds=later)
    await names.look(later)
    assert names.get() is not None
    await names.look(later + GIVE_UP_SECONDS)
    assert names.get() is None


@pytest.fixture
def guarded(names: Names) -> Names:
    """The store is reached by a Secret."""
    ref = {"name": "key", "key": "token"}
    online = {"type": "redis", "options": [{"name": "password", "secretKeyRef": ref}]}
    spec = (
        {"tokenSecretKeyRef": ref} if names.form.store == "VectorStore" else {"project": "demo", "onlineStore": online}
    )
    names.objects.delete(names.form.store, "default", "store")
    store = names.create(names.form.store, "store", spec)
    store["metadata"]["finalizers"] = [FINALIZER]
    names.objects.update(store)
    names.objects.create(secret("first"))
    names.feeder("digits", "r-1")
    return names


def secret(value: str) -> dict[str, Any]:
    data = {"token": base64.b64encode(value.encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "namespace": "default"}, "data": data}


async def test_a_secret_that_was_changed_is_taken_up_at_the_next_pass(guarded: Names) -> None:
    await guarded.look()
    assert "first" in str(guarded.backend.asked[-1])
    guarded.objects.update(secret("second"))
    await guarded.look(passes=1)
    assert "second" in str(guarded.backend.asked[-1])


def delete_namespace(names: Names) -> None:
    """The Secret is gone first; the rest waits for its finalizers."""
    names.objects.delete("Secret", "default", "key")
    names.objects.delete(names.form.store, "default", "store")
    names.objects.delete(names.form.kind, "default", "images")


async def test_a_namespace_that_goes_with_its_secrets_is_cleaned_up_all_the_same(guarded: Names) -> None:
    await guarded.look()
    delete_namespace(guarded)
    await guarded.look()
    assert guarded.get() is None
    assert guarded.backend.names == {}
    assert guarded.left_behind() == []


async def test_what_stays_for_a_secret_that_nobody_remembers_is_told_by_name(guarded: Names) -> None:
    await guarded.look()
    delete_namespace(guarded)
    guarded.secrets = SecretMemory()
    await guarded.look(after=1)
    told = guarded.conditions()
    assert "create it" not in str(told)
    assert told["Reconciled"][:2] == ("False", "CleanupFailed")
    await guarded.look(after=GIVE_UP_SECONDS + 2)
    assert guarded.get() is None
    (note,) = guarded.left_behind()
    assert note.startswith(f"{guarded.form.noun} 'images' in {guarded.form.store} 'store' stays behind: Secret 'key'")


async def test_a_store_that_stays_does_not_use_a_secret_that_was_taken_away(guarded: Names) -> None:
    await guarded.look()
    guarded.objects.delete("Secret", "default", "key")
    await guarded.look()
    assert guarded.conditions()["Ready"][:2] == ("Unknown", "StoreNotReady")
    assert "create it" in guarded.conditions()["Ready"][2]
