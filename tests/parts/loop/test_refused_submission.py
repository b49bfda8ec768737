"""A submission that is refused: for good, which ends the job, or for now, which is tried again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from training_plane import JOB, Plane, RayStandIn

from penstock_operator.ports import Invalid, RaySubmission, Refused

CAUSE = 'strict decoding error: unknown field "spec.rayClusterSpec.headGroupSpec.template.spec.tolerationz"'


class Refusing(RayStandIn):
    """Takes nothing while it has a refusal."""

    refusal: Refused | None = None
    asked: int = 0

    async def submit(self, submission: RaySubmission) -> None:
        self.asked += 1
        if self.refusal is not None:
            raise self.refusal
        await super().submit(submission)


def condition(plane: Plane, type_: str) -> tuple[str, str, str]:
    found: dict[str, Any] = {one["type"]: one for one in plane.store.get(*JOB)["status"]["conditions"]}
    return found[type_]["status"], found[type_]["reason"], found[type_]["message"]


async def test_one_for_good_is_asked_once_and_again_when_the_spec_is_another(tmp_path: Path) -> None:
    ray = Refusing(str(tmp_path / "artifacts"))
    plane, ray.refusal = Plane(tmp_path, ray), Invalid(CAUSE)
    plane.job(retry={"limit": 0})
    await plane.settle()
    assert condition(plane, "Succeeded") == ("False", "InvalidSpec", CAUSE)
    assert condition(plane, "Reconciled")[0] == "True"
    (event,) = [one for one in plane.store.list("Event") if one["reason"] == "InvalidSpec"]
    assert (event["type"], ray.asked) == ("Warning", 1)
    ray.refusal = None
    plane.edit(retry={"limit": 0, "backoffSeconds": 1})
    await plane.settle()
    assert condition(plane, "Succeeded")[:2] == ("True", "Completed")
    assert (ray.asked, len(plane.runs())) == (2, 1)
    plane.store.close()


async def test_one_for_now_leaves_the_attempt_and_is_tried_again(tmp_path: Path) -> None:
    ray = Refusing(str(tmp_path / "artifacts"))
    plane, ray.refusal = Plane(tmp_path, ray), Refused("The Kubernetes API answered 403: exceeded quota")
    plane.job(retry={"limit": 0})
    await plane.look()
    with pytest.raises(Refused, match="exceeded quota"):
        await plane.look()
    assert condition(plane, "Reconciled")[:2] == ("False", "Refused")
    assert condition(plane, "Succeeded")[:2] == ("Unknown", "Pending")
    ray.refusal = None
    await plane.settle()
    assert condition(plane, "Succeeded")[:2] == ("True", "Completed")
    assert [one["number"] for one in plane.store.get(*JOB)["status"]["attempts"]] == [1]
    plane.store.close()
