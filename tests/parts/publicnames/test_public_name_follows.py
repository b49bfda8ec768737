"""A public name follows the pointer of the one Materialization that feeds it, and takes over nobody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Names


async def test_of_two_materializations_that_name_one_view_the_older_feeds_it_and_it_stays_ready(names: Names) -> None:
    first = names.feeder("b-older", "r-1")
    await names.look()
    assert names.backend.names == {"images": first}
    mat = names.objects.get("Materialization", "default", "b-older")
    assert mat["metadata"]["creationTimestamp"]
    second = names.feeder("c-younger", "r-9")
    await names.look()
    assert second != first
    assert names.backend.names == {"images": first}
    assert names.conditions()["Ready"] == ("True", "Serving", "Stands for run r-1")
    assert names.get()["status"][names.form.physical] == first


async def test_a_view_goes_over_to_the_younger_when_the_older_goes(names: Names) -> None:
    names.feeder("b-older", "r-1")
    second = names.feeder("c-younger", "r-9")
    await names.look()
    names.objects.delete("Materialization", "default", "b-older")
    await names.look()
    assert names.backend.names == {"images": second}


async def test_a_pass_that_changes_nothing_writes_nothing_and_both_conditions_are_there(names: Names) -> None:
    names.feeder("digits", "r-1")
    await names.look()
    version = names.objects.version
    await names.look()
    assert names.objects.version == version
    assert names.conditions()["Reconciled"] == ("True", "Reconciled", "")
    assert names.conditions()["Ready"][0] == "True"


async def test_it_says_that_its_spec_has_changed_since_the_run_was_staged(names: Names) -> None:
    names.feeder("digits", "r-1")
    await names.look()
    obj = names.get()
    if names.form.kind == "FeatureView":
        obj["spec"]["ttlSeconds"] = 60
    else:
        obj["spec"]["metric"] = "L2"
    names.objects.update(obj)
    await names.look()
    assert names.conditions()["Ready"][2] == "Stands for run r-1 as it was staged before the spec changed"


async def test_a_name_that_an_object_of_another_namespace_holds_is_left_to_it(names: Names) -> None:
    names.resource("team-b")
    theirs = names.feeder("theirs", "r-5", "team-b")
    await names.look(namespace="team-b")
    names.feeder("ours", "r-1")
    await names.look()
    assert names.backend.names == {"images": theirs}
    status, reason, message = names.conditions()["Ready"]
    assert (status, reason) == ("False", "Conflict")
    assert message.startswith(f"team-b/images holds the {names.form.noun} 'images' in {names.form.store} 'store'")
    names.objects.delete(names.form.kind, "default", "images")
    await names.look()
    assert names.get() is None
    assert names.backend.names == {"images": theirs}
    assert names.conditions("team-b")["Ready"][0] == "True"


async def test_a_name_that_somebody_made_by_hand_is_neither_moved_nor_removed(names: Names) -> None:
    names.backend.names = {"images": "by_hand"}
    names.feeder("digits", "r-1")
    await names.look()
    assert names.conditions()["Ready"][:2] == ("False", "Conflict")
    names.objects.delete(names.form.kind, "default", "images")
    await names.look()
    assert names.get() is None
    assert names.backend.names == {"images": "by_hand"}
    assert names.left_behind() == []
