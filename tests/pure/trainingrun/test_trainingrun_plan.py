"""A TrainingRun stays while somebody needs it, and one that nobody stages has the status that it was born with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from penstock.api import TrainingRun
from penstock.api.meta import DeletionPolicy
from penstock_operator.loop.conditions import find
from penstock_operator.loop.plan import Plan
from penstock_operator.trainingrun.observed import DeleteItself, Observed, RemoveFiles
from penstock_operator.trainingrun.plan import plan

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CRD = Path(__file__).parents[3] / "crds/penstock.dev_trainingruns.yaml"
STAGED, SERVED = Observed(staged_by=("a",)), Observed(staged_by=("a", "b"), served_by=("images",))


def run(deleted: datetime | None = None, **spec: Any) -> TrainingRun:
    return TrainingRun.model_validate(
        {
            "metadata": {"name": "0f3c2a10-1", "uid": "r-1", "generation": 1, "deletionTimestamp": deleted},
            "spec": {
                "trainingJobRef": {"name": "digits", "uid": "j-1"},
                "attempt": 1,
                "uri": "/runs/default/digits/0f3c2a10-1",
                "manifestDigest": "sha256:0",
                "createdAt": NOW,
                "entrypoint": "train.py",
                **spec,
            },
        }
    )


def ready(result: Plan[Any]) -> tuple[str, str, str]:
    condition = find(result.status.conditions, "Ready")
    assert condition is not None
    return condition.status, condition.reason, condition.message


def test_a_run_that_nobody_stages_has_the_status_that_the_definition_gives_it() -> None:
    schema = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    given = schema["properties"]["status"]["default"]
    result = plan(run(), Observed(), NOW)
    assert result.status.to_wire() == given
    assert (result.actions, result.cleanup, result.requeue_after) == ((), (), None)


def test_who_holds_it_is_listed_and_leaves_no_trace() -> None:
    served = plan(run(), SERVED, NOW).status
    assert (served.staged_by, served.served_by) == (["a", "b"], ["images"])
    before = run()
    again = plan(before.model_copy(update={"status": served}), Observed(), NOW + timedelta(hours=1))
    assert again.status == before.status


@pytest.mark.parametrize(
    ("seen", "goes"),
    [
        (Observed(orphaned=True), True),
        (Observed(orphaned=False), False),
        (Observed(orphaned=True, deletion_policy=DeletionPolicy.RETAIN), False),
        (Observed(orphaned=True, staged_by=("a",)), False),
    ],
)
def test_it_deletes_itself_once_its_job_is_gone_and_nobody_holds_it(seen: Observed, goes: bool) -> None:
    result = plan(run(), seen, NOW)
    assert result.actions == ((DeleteItself(),) if goes else ())
    assert ready(result)[0] == "True"


@pytest.mark.parametrize("later", [timedelta(0), timedelta(days=30)])
def test_a_deleted_run_that_is_held_waits_without_a_bound(later: timedelta) -> None:
    result = plan(run(deleted=NOW), SERVED, NOW + later)
    assert (result.finalized, result.cleanup) == (False, ())
    status, reason, message = ready(result)
    assert (status, reason) == ("False", "Held")
    assert "StagedRun 'a', 'b'" in message
    assert "Materialization 'images'" in message


@pytest.mark.parametrize("policy", DeletionPolicy)
def test_a_deleted_run_that_nobody_holds_takes_its_directory_with_it(policy: DeletionPolicy) -> None:
    result = plan(run(deleted=NOW, deletionPolicy=policy), Observed(deletion_policy=policy), NOW)
    assert (result.finalized, result.cleanup) == (True, (RemoveFiles(),))
