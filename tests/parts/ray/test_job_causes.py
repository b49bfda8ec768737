"""Why a job failed, as Ray's Jobs API says it."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from penstock_operator.adapters.ray.causes import FAULTS, UNBEGUN
from penstock_operator.adapters.ray.jobs import RayJobs
from penstock_operator.ports import JobState, RayJob

UNSCHEDULED = "Job supervisor actor could not be scheduled: node doesn't exist any more"


async def job(**body: Any) -> RayJob:
    answers = httpx2.MockTransport(lambda _: httpx2.Response(200, json=body))
    async with RayJobs("http://ray:8265", http=httpx2.AsyncClient(transport=answers)) as ray:
        found = await ray.job("one")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("body", "unbegun", "fault"),
    [
        ({"message": UNSCHEDULED, "error_type": "JOB_SUPERVISOR_ACTOR_UNSCHEDULABLE"}, UNSCHEDULED, ""),
        # A Ray that names no types.
        ({"message": UNSCHEDULED}, UNSCHEDULED, ""),
        ({"message": "", "error_type": "RUNTIME_ENV_SETUP_FAILURE"}, "RUNTIME_ENV_SETUP_FAILURE", ""),
        ({"message": "it died", "error_type": "JOB_SUPERVISOR_ACTOR_DIED"}, "", "it died"),
        ({"message": "exit code 3", "error_type": "JOB_ENTRYPOINT_COMMAND_ERROR"}, "", ""),
        # What a program prints last is no word of Ray's.
        ({"message": UNSCHEDULED, "error_type": "JOB_ENTRYPOINT_COMMAND_ERROR"}, "", ""),
    ],
)
async def test_a_failure_is_of_the_code_of_ray_or_before_any_code(
    body: dict[str, Any], unbegun: str, fault: str
) -> None:
    found = await job(status="FAILED", **body)
    assert (found.state, found.unbegun, found.fault) == (JobState.FAILED, unbegun, fault)


async def test_a_job_that_has_not_failed_has_no_cause() -> None:
    found = await job(status="STOPPED", message=UNSCHEDULED, error_type=None)
    assert (found.unbegun, found.fault) == ("", "")


def test_every_cause_that_this_ray_knows_is_on_one_side() -> None:
    common = pytest.importorskip("ray.dashboard.modules.job.common")
    assert {one.value for one in common.JobErrorType} == {*UNBEGUN, *FAULTS, "JOB_ENTRYPOINT_COMMAND_ERROR"}
