"""What kstatus makes of an object in each of its states, by the rules of its generic checks.

https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from staging_house import House
from training_house import NOW, UP, after, attempt, job, manifest, ray

from penstock.api import KINDS, TrainingRun
from penstock.api.trainingjob import AttemptState, TrainingJob
from penstock.crds import crd
from penstock.crds.definition import openapi
from penstock_operator.ports import JobState
from penstock_operator.training.plan import plan


def kstatus(obj: dict[str, Any]) -> str:
    meta, status = obj["metadata"], obj.get("status") or {}
    if meta.get("deletionTimestamp"):
        return "Terminating"
    if status.get("observedGeneration", meta["generation"]) != meta["generation"]:
        return "InProgress"
    conditions = {one["type"]: one["status"] for one in status.get("conditions") or ()}
    if conditions.get("Reconciling") == "True":
        return "InProgress"
    if conditions.get("Stalled") == "True":
        return "Failed"
    return "Current" if conditions.get("Ready", "True") == "True" else "InProgress"


def wire(resource: Any) -> dict[str, Any]:
    obj: dict[str, Any] = resource.model_dump(mode="json", by_alias=True, exclude_none=True)
    # The loop writes it with every status.
    obj["status"]["observedGeneration"] = obj["metadata"]["generation"]
    return obj


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.__name__)
def test_an_object_that_nobody_has_looked_at_is_in_progress_and_a_whole_run_is_current(kind: Any) -> None:
    born = openapi(crd(kind))["properties"]["status"]["default"]
    judged = kstatus({"metadata": {"generation": 1}, "status": born})
    assert judged == ("Current" if kind is TrainingRun else "InProgress")


def jobs() -> Iterator[tuple[str, TrainingJob, Any, str]]:
    running = job(attempt(AttemptState.RUNNING), retry={"limit": 0})
    failed = job(attempt(AttemptState.FAILED, message="boom"), retry={"limit": 0})
    yield "begins", job(), UP, "InProgress"
    yield "runs", running, ray(JobState.RUNNING), "InProgress"
    yield "is whole", running, replace(ray(JobState.SUCCEEDED), manifest=manifest()), "Current"
    yield "has failed", failed, UP, "Failed"
    yield "is tried again", job(attempt(AttemptState.FAILED)), UP, "InProgress"
    yield "is suspended", job(suspend=True), UP, "InProgress"


@pytest.mark.parametrize(("this", "seen", "judged"), [one[1:] for one in jobs()], ids=[one[0] for one in jobs()])
def test_a_training_job(this: TrainingJob, seen: Any, judged: str) -> None:
    assert kstatus(wire(after(this, plan(this, seen, NOW)))) == judged


def test_a_training_job_whose_spec_is_another_is_in_progress_and_failed_no_more() -> None:
    failed = job(attempt(AttemptState.FAILED, message="boom"), retry={"limit": 0})
    this = after(failed, plan(failed, UP, NOW))
    edited = wire(this)
    edited["metadata"]["generation"] += 1
    assert kstatus(edited) == "InProgress"
    mended = this.model_copy(update={"spec": job(args=["other"]).spec})
    assert kstatus(wire(after(mended, plan(mended, UP, NOW)))) == "InProgress"


@pytest.mark.parametrize(
    ("fate", "judged", "served"),
    [
        ("Hung", "InProgress", "InProgress"),
        ("Rejected", "Failed", "InProgress"),
        ("Unfit", "Failed", "InProgress"),
        ("Staged", "Current", "Current"),
    ],
)
def test_a_staged_run_and_its_materialization(fate: str, judged: str, served: str) -> None:
    house = House()
    house.train(fate)
    assert (kstatus(wire(house.newest)), kstatus(wire(house.mat))) == (judged, served)


def test_a_run_that_has_lost_its_data_has_failed() -> None:
    house = House()
    house.train()
    house.data.clear()
    house.fates["r-1"] = "Hung"
    lost = house.newest.metadata.name
    house.look_at(lost)
    assert kstatus(wire(house.staged[lost])) == "Failed"
    house.look_at_materialization()
    assert kstatus(wire(house.mat)) == "InProgress"
