"""The runs of the example `digits` as the operator leaves them, put into a world by hand."""

from __future__ import annotations

from typing import Any

API = "penstock.dev/v1alpha1"
DAY = "2026-01-01T00:00:00Z"
MAT = "digits"


def train(world: Any, run: str, job: str = "digits", created: str = DAY, **spec: Any) -> None:
    """A TrainingRun whose manifest is whole."""
    record = {
        "trainingJobRef": {"name": job, "uid": f"uid-of-{job}"},
        "attempt": 1,
        "uri": f"file:///artifacts/default/{job}/{run}",
        "manifestDigest": "sha256:0",
        "createdAt": created,
        "entrypoint": "train.py",
        "metrics": [{"name": "accuracy", "value": "0.97"}],
        "outputs": [{"name": "features", "kind": "Features", "format": "parquet", "rows": 1797, "digest": "sha256:1"}],
        **spec,
    }
    _create(world, "TrainingRun", run, {"penstock.dev/job": job}, record)


def stage(
    world: Any,
    run: str,
    reason: str = "Staged",
    *,
    materialization: str = MAT,
    uid: str | None = None,
    trained: str = DAY,
    **status: Any,
) -> None:
    """A StagedRun in the state that a reason of its condition `Ready` tells."""
    if uid is None:
        uid = str(world.get("Materialization", materialization)["metadata"]["uid"]) if materialization == MAT else "u"
    spec = {
        "materializationRef": {"name": materialization, "uid": uid},
        "trainingRunRef": {"name": run, "uid": f"uid-of-{run}"},
        "uri": f"file:///artifacts/default/digits/{run}",
        "trainedAt": trained,
        "digest": "sha256:2",
        "deadlineSeconds": 3600,
        "retryLimit": 3,
        "gracePeriodSeconds": 60,
    }
    labels = {"penstock.dev/materialization": materialization, "penstock.dev/run": run}
    _create(world, "StagedRun", f"{materialization}-{run}", labels, spec)
    state(world, run, reason, materialization=materialization, **status)


def state(
    world: Any,
    run: str,
    reason: str,
    *,
    materialization: str = MAT,
    truth: str | None = None,
    message: str = "",
    **status: Any,
) -> None:
    """Write how far a StagedRun is."""
    going_on = ("Pending", "Staging", "BackingOff")
    known = {"Staged": "True", **dict.fromkeys(going_on, "Unknown")}.get(reason, "False")
    states = {"Staged": "Staged", "DataLost": "Lost", "Pending": "Pending", **dict.fromkeys(going_on[1:], "Staging")}
    written = {"state": states.get(reason, "Refused"), **status}
    conditions = {"Ready": (truth or known, reason, message)}
    world.status("StagedRun", f"{materialization}-{run}", conditions=conditions, **written)


def serve(world: Any, run: str, *, previous: str | None = None, latest: str | None = None, **status: Any) -> None:
    """Move the pointer of the Materialization."""
    active = {**named(run), "uri": "file:///r", "trainedAt": DAY, "switchedAt": DAY, **status.pop("active", {})}
    pointers = {"active": active, "latest": named(latest or run)}
    if previous is not None:
        pointers["previous"] = named(previous)
    world.status("Materialization", MAT, **pointers, **status)


def named(run: str) -> dict[str, Any]:
    """A run, and the StagedRun of it."""
    return {"run": run, "stagedRunRef": {"name": f"{MAT}-{run}", "uid": f"uid-of-{MAT}-{run}"}}


def _create(world: Any, kind: str, name: str, labels: dict[str, str], spec: dict[str, Any]) -> None:
    meta = {"name": name, "namespace": "default", "labels": labels}
    world.do(lambda store: store.create({"apiVersion": API, "kind": kind, "metadata": meta, "spec": spec}))
