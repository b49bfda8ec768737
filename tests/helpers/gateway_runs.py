"""StagedRuns of the Materialization `m`, as an API would list them; it can go away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from penstock.api.stagedrun import StagedRun
from penstock.gateway.kubernetes import ApiAway

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


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
            spec = {
                "materializationRef": {"name": "m", "uid": owner},
                "trainingRunRef": {"name": run, "uid": run},
                "uri": f"file:///{run}",
                "digest": "",
                "gates": [],
                "trainedAt": "2026-01-01T00:00:00Z",
                "deadlineSeconds": 1,
                "retryLimit": 0,
                "gracePeriodSeconds": 0,
            }
            status = {"state": state, "retireAt": retire_at.isoformat() if retire_at is not None else None}
            self._kept.append(
                StagedRun.model_validate({"kind": "StagedRun", "metadata": meta, "spec": spec, "status": status})
            )

    def drop(self, run: str) -> None:
        self._kept = [one for one in self._kept if one.spec.training_run_ref.name != run]

    async def of(self, namespace: str, materialization: str) -> Sequence[StagedRun]:
        self.asked += 1
        if self.away:
            raise ApiAway("the Kubernetes API does not answer")
        return list(self._kept)
