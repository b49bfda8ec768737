"""A pass that fails shows on the object, and what has to happen happens all the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock.api import FINALIZER, TrainingRun
from penstock.api.stores import FeatureStore, StoreReason
from penstock.crds import crd
from penstock.secrets import MissingSecret
from penstock_operator.local.apiserver.cluster import LocalCluster
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.loop.conditions import with_condition
from penstock_operator.loop.finalizing import GIVE_UP_SECONDS
from penstock_operator.loop.key import Key
from penstock_operator.loop.kind import Related
from penstock_operator.loop.parse import InvalidObject
from penstock_operator.loop.plan import Plan
from penstock_operator.loop.reconcile import CLEANUP_SECONDS, reconcile
from penstock_operator.ports import ClusterUnreachable, Refused, Unreachable

KEY = Key("FeatureStore", "default", "features")
NOW = datetime.now(UTC).replace(microsecond=0)
WELL = {"Ready": ("True", "Ready", "Well"), "Reconciled": ("True", "Reconciled", "")}


@dataclass
class Stand:
    """A kind that is Ready at once, and whose parts fail as they are told to."""

    model, name = FeatureStore, "FeatureStore"
    related: Mapping[str, Related] = field(default_factory=dict)
    error: Exception | None = None
    actions: tuple[str, ...] = ()
    cleanup: tuple[str, ...] = ()
    broken: Mapping[str, Exception] = field(default_factory=dict)
    waits: bool = False
    done: list[str] = field(default_factory=list)

    async def observe(self, obj: FeatureStore) -> None:
        if self.error is not None:
            raise self.error

    def plan(self, obj: FeatureStore, observed: None, now: datetime, since: datetime) -> Plan[Any]:
        status = obj.status.model_copy(deep=True)
        meta = obj.metadata
        status.conditions = with_condition(
            status.conditions, "Ready", "True", StoreReason.READY, "Well", generation=meta.generation, now=now
        )
        gone = meta.deletion_timestamp is not None and not self.waits
        return Plan(status, self.actions, finalized=gone, cleanup=self.cleanup)

    async def converge(self, obj: FeatureStore, action: Any) -> None:
        if action in self.broken:
            raise self.broken[action]
        self.done.append(action)


class CountingStore(ObjectStore):
    """Counts the writes of a status, and refuses them where it is told to."""

    writes = 0
    refuses = False

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path

    def update_status(self, obj: Any) -> Any:
        if self.refuses:
            raise OSError("the API refuses the object")
        self.writes += 1
        return super().update_status(obj)


@pytest.fixture
def store(tmp_path: Path) -> Any:
    store = CountingStore(tmp_path / "state.db")
    store.create(
        {
            "apiVersion": "penstock.dev/v1alpha1",
            "kind": "FeatureStore",
            "metadata": {"name": "features", "namespace": "default"},
            "spec": {"project": "demo"},
        }
    )
    yield store
    store.close()


async def look(store: ObjectStore, stand: Stand, now: datetime = NOW) -> float | None:
    return await reconcile(LocalCluster(store), stand, KEY, lambda: now)


def conditions(store: ObjectStore) -> dict[str, tuple[str, str, str]]:
    found = store.get(*KEY).get("status", {}).get("conditions", [])
    return {one["type"]: (one["status"], one["reason"], one.get("message", "")) for one in found}


def events(store: ObjectStore) -> list[str]:
    return sorted(event["reason"] for event in store.list("Event", "default"))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Unreachable("Milvus at http://m:1 did not answer"), "Unreachable"),
        (OSError("disk full"), "Unreachable"),
        (Refused("no such database"), "Refused"),
        (MissingSecret("Secret 'token' is not in namespace 'default'", "create it"), "MissingReference"),
        (ZeroDivisionError("division by zero"), "InternalError"),
    ],
)
async def test_a_failed_pass_is_told_on_the_object_and_the_next_good_one_takes_it_back(
    store: CountingStore, error: Exception, reason: str
) -> None:
    await look(store, Stand())
    with pytest.raises(type(error)):
        await look(store, Stand(error=error))
    shown = conditions(store)
    assert shown["Ready"] == ("True", "Ready", "Well")
    assert shown["Reconciled"][:2] == ("False", reason)
    assert str(error) in shown["Reconciled"][2]
    assert events(store) == sorted(["Ready", reason])
    await look(store, Stand())
    assert conditions(store) == WELL
    assert events(store) == sorted(["Ready", reason, "Reconciled"])


async def test_a_good_pass_writes_nothing_more_and_a_failure_that_repeats_is_written_once(store: CountingStore) -> None:
    await look(store, Stand())
    assert conditions(store) == WELL
    assert events(store) == ["Ready"]
    await look(store, Stand(), NOW + timedelta(days=1))
    assert store.writes == 1
    for port in (40001, 40002, 40003):
        with pytest.raises(Unreachable):
            await look(store, Stand(error=Unreachable(f"127.0.0.1:{port} did not answer")))
    assert store.writes == 2
    with pytest.raises(Unreachable):
        await look(store, Stand(error=Unreachable("another part did not answer")))
    assert store.writes == 3


async def test_a_failure_does_not_claim_that_the_new_generation_was_seen(store: CountingStore) -> None:
    await look(store, Stand())
    seen = store.get(*KEY)["status"]["observedGeneration"]
    obj = store.get(*KEY)
    obj["spec"]["deletionPolicy"] = "Retain"
    store.update(obj)
    with pytest.raises(Unreachable):
        await look(store, Stand(error=Unreachable("away")))
    status = store.get(*KEY)["status"]
    assert status["observedGeneration"] == seen
    told = {one["type"]: one["observedGeneration"] for one in status["conditions"]}
    assert told == {"Ready": seen, "Reconciled": seen + 1}


async def test_a_clean_up_that_fails_holds_back_neither_the_status_nor_the_rest(store: CountingStore) -> None:
    stand = Stand(cleanup=("first", "second"), broken={"first": Refused("alias 'images' stands for it")})
    assert await look(store, stand) == CLEANUP_SECONDS
    assert stand.done == ["second"]
    shown = conditions(store)
    assert shown["Ready"][0] == "True"
    assert shown["Reconciled"] == ("False", "CleanupFailed", "alias 'images' stands for it")
    await look(store, Stand(cleanup=("first",)))
    assert conditions(store) == WELL


def spoil(store: CountingStore) -> None:
    """It was stored when its definition was another one."""
    before = ObjectStore(store.path, kinds={})
    obj = before.get(*KEY)
    obj["spec"]["project"] = 5
    before.update(obj)
    before.close()


async def test_an_object_that_does_not_validate_gets_no_finalizer_and_says_why(store: CountingStore) -> None:
    spoil(store)
    with pytest.raises(InvalidObject):
        await look(store, Stand())
    assert FINALIZER not in store.get(*KEY)["metadata"].get("finalizers", [])
    assert conditions(store)["Reconciled"][:2] == ("False", "InvalidObject")
    assert "spec.project" in conditions(store)["Reconciled"][2]
    store.delete(*KEY)
    assert store.list("FeatureStore") == []


async def test_one_that_does_not_validate_and_cannot_be_written_is_let_be(store: CountingStore) -> None:
    spoil(store)
    store.refuses = True
    with pytest.raises(InvalidObject):
        await look(store, Stand())


async def test_a_deleted_object_that_no_longer_validates_goes_after_a_while(store: CountingStore) -> None:
    await look(store, Stand())
    spoil(store)
    store.delete(*KEY)
    rest = await look(store, Stand(), datetime.now(UTC))
    assert rest is not None
    assert GIVE_UP_SECONDS - 5 < rest <= GIVE_UP_SECONDS
    assert conditions(store)["Reconciled"][1] == "InvalidObject"
    assert await look(store, Stand(), datetime.now(UTC) + timedelta(seconds=GIVE_UP_SECONDS)) is None
    assert store.list("FeatureStore") == []
    assert "LeftBehind" in events(store)


async def test_a_deleted_object_that_cannot_be_told_of_its_failure_goes_too(store: CountingStore) -> None:
    await look(store, Stand())
    spoil(store)
    store.delete(*KEY)
    store.refuses = True
    await look(store, Stand(), datetime.now(UTC) + timedelta(seconds=GIVE_UP_SECONDS + 5))
    assert store.list("FeatureStore") == []


@pytest.mark.parametrize("broken", [{"error": Unreachable("away")}, {"error": KeyError("bug")}])
async def test_a_deleted_object_whose_passes_fail_goes_after_a_while(
    store: CountingStore, broken: dict[str, Any]
) -> None:
    await look(store, Stand())
    store.delete(*KEY)
    begun = NOW + timedelta(days=1)
    for after in (0, GIVE_UP_SECONDS - 1):
        with pytest.raises(type(broken["error"])):
            await look(store, Stand(**broken), begun + timedelta(seconds=after))
        assert conditions(store)["Reconciled"][0] == "False"
    await look(store, Stand(**broken), begun + timedelta(seconds=GIVE_UP_SECONDS))
    assert store.list("FeatureStore") == []


async def test_a_kubernetes_api_that_is_away_lets_no_deleted_object_go(store: CountingStore) -> None:
    await look(store, Stand())
    store.delete(*KEY)
    with pytest.raises(ClusterUnreachable):
        await look(store, Stand(error=ClusterUnreachable("away")), NOW + timedelta(days=1))
    assert len(store.list("FeatureStore")) == 1


async def test_a_clean_up_that_waits_for_the_kubernetes_api_lets_no_deleted_object_go(store: CountingStore) -> None:
    await look(store, Stand())
    store.delete(*KEY)
    stand = Stand(cleanup=("drop",), broken={"drop": ClusterUnreachable("away")})
    for after in (0, GIVE_UP_SECONDS + 1):
        await look(store, stand, NOW + timedelta(days=1, seconds=after))
    assert len(store.list("FeatureStore")) == 1


async def test_a_deleted_object_stays_while_its_clean_up_fails(store: CountingStore) -> None:
    await look(store, Stand())
    store.delete(*KEY)
    await look(store, Stand(cleanup=("drop",), broken={"drop": Unreachable("away")}))
    assert conditions(store)["Reconciled"][1] == "CleanupFailed"
    await look(store, Stand(cleanup=("drop",)))
    assert store.list("FeatureStore") == []
    assert "LeftBehind" not in events(store)


async def test_a_clean_up_that_never_succeeds_holds_a_deleted_object_for_a_while_only(store: CountingStore) -> None:
    await look(store, Stand())
    store.delete(*KEY)
    stand, begun = Stand(cleanup=("drop",), broken={"drop": Unreachable("away")}), NOW + timedelta(days=1)
    for after, left in ((0, 1), (GIVE_UP_SECONDS - 1, 1), (GIVE_UP_SECONDS, 0)):
        await look(store, stand, begun + timedelta(seconds=after))
        assert len(store.list("FeatureStore")) == left
    (told,) = [event["message"] for event in store.list("Event", "default") if event["reason"] == "LeftBehind"]
    assert told == "drop stays behind: away"


async def test_time_in_which_nobody_looked_and_time_in_which_all_was_well_are_no_patience(store: CountingStore) -> None:
    await look(store, Stand())
    store.delete(*KEY)
    failing = Stand(cleanup=("drop",), broken={"drop": Unreachable("away")})
    await look(store, failing, NOW + timedelta(seconds=1))
    later = NOW + timedelta(days=1)
    # A control plane that began just now.
    await reconcile(LocalCluster(store), failing, KEY, lambda: later, since=later)
    assert len(store.list("FeatureStore")) == 1
    # One good pass, in which it waited for others: what fails then has all the time that there is.
    await look(store, Stand(waits=True), later)
    assert conditions(store)["Reconciled"][0] == "True"
    await look(store, failing, later + timedelta(days=1))
    assert len(store.list("FeatureStore")) == 1
    await look(store, failing, later + timedelta(days=1, seconds=GIVE_UP_SECONDS))
    assert store.list("FeatureStore") == []


async def test_a_pass_over_an_object_that_was_born_with_its_status_writes_nothing(store: CountingStore) -> None:
    class Untouched(Stand):
        model, name = TrainingRun, "TrainingRun"

        def plan(self, obj: Any, observed: None, now: datetime, since: datetime) -> Plan[Any]:
            return Plan(obj.status.model_copy(deep=True))

    schema = crd(TrainingRun)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    digest = f"sha256:{'a' * 64}"
    run = {
        "apiVersion": "penstock.dev/v1alpha1",
        "kind": "TrainingRun",
        "metadata": {"name": "a-1", "namespace": "default", "finalizers": [FINALIZER]},
        "spec": {
            "trainingJobRef": {"name": "a", "uid": "u"},
            "attempt": 1,
            "uri": "/runs/a-1",
            "manifestDigest": digest,
            "createdAt": "2026-01-01T00:00:00Z",
            "entrypoint": "train.py",
        },
    }
    made = store.create(run)
    store.update_status({**made, "status": schema["properties"]["status"]["default"]})
    store.writes = 0
    version = store.version
    await reconcile(LocalCluster(store), Untouched(), Key("TrainingRun", "default", "a-1"), lambda: NOW)
    assert (store.writes, store.version) == (0, version)
