"""StagedRuns of the Materialization `m`, as an API would list them; it can go away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from penstock.api.stagedrun import StagedRun
from penstock.gateway.kubernetes import ApiAway

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def staged_run(
    run: str, owner: dict[str, str], uri: str, meta: dict[str, Any], status: dict[str, Any]
) -> dict[str, Any]:
    """A StagedRun, as the API has it."""
    spec = {
        "materializationRef": owner,
        "trainingRunRef": {"name": run, "uid": run},
        "uri": uri,
        "trainedAt": BEGAN.isoformat(),
        "digest": "d",
        "gates": [],
        "deadlineSeconds": 1,
        "retryLimit": 0,
        "gracePeriodSeconds": 0,
    }
    head = {"apiVersion": "penstock.dev/v1alpha1", "kind": "StagedRun"}
    return {**head, "metadata": meta, "spec": spec, "status": status}


class Runs:
    """What is kept; each that is added is newer than those before."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False
        self._kept: list[StagedRun] = []

    def keep(
        self, *runs: str, uid: str = "", owner: str = "u", state: str = "Staged", retire_at: datetime | None = None
    ) -> None:
        for run in runs:
            meta = {"name": f"m-{run}", "uid": uid or run}
            meta["creationTimestamp"] = (BEGAN + timedelta(seconds=len(self._kept))).isoformat()
            if retire_at is not None:
                meta["deletionTimestamp"] = retire_at.isoformat()
            status = {"state": state, "retireAt": retire_at.isoformat() if retire_at is not None else None}
            body = staged_run(run, {"name": "m", "uid": owner}, f"file:///{run}", meta, status)
            self._kept.append(StagedRun.model_validate(body))

    def drop(self, run: str) -> None:
        self._kept = [one for one in self._kept if one.spec.training_run_ref.name != run]

    async def of(self, namespace: str, materialization: str) -> Sequence[StagedRun]:
        self.asked += 1
        if self.away:
            raise ApiAway("the Kubernetes API does not answer")
        return list(self._kept)
