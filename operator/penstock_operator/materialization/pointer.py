"""A copy of the pointer beside the runs, from which objects that were lost with a cluster can be made again. Pure."""

from __future__ import annotations

from penstock.api import API_VERSION
from penstock.api.stagedrun import StagedRun
from penstock.naming import pointer_uri
from penstock.rundir.digests import digest_json
from penstock_operator.materialization.observed import ForgetPointer, RecordPointer
from penstock_operator.materialization.passes import Pass
from penstock_operator.ports import Object

SCHEMA_VERSION = 1
FOUND = {"state", "finished_at", "outputs", "gates"}
"""What of the status of a StagedRun is true wherever it is made again; the rest tells of the way there."""


def record(this: Pass) -> RecordPointer | None:
    """Write down the Materialization and all that its pointer and the way back name, if a part of it is another."""
    active, previous = this.status.active, this.status.previous
    if active is None or this.active is None:
        return None
    meta = this.mat.metadata
    named = {one.staged_run_ref.uid for one in (active, previous) if one is not None}
    document = {
        "schemaVersion": SCHEMA_VERSION,
        "apiVersion": API_VERSION,
        "materialization": {
            "metadata": {"namespace": meta.namespace, "name": meta.name, "uid": meta.uid, "labels": meta.labels},
            "spec": this.spec.to_wire(),
        },
        "active": active.to_wire(),
        **({"previous": previous.to_wire()} if previous is not None else {}),
        "stagedRuns": [_frozen(one) for one in this.seen.staged if one.metadata.uid in named],
    }
    digest = digest_json(document)
    return RecordPointer(_uri(this), document, digest) if digest != this.status.recorded else None


def _frozen(staged: StagedRun) -> Object:
    meta = staged.metadata
    return {
        "metadata": {"name": meta.name, "uid": meta.uid, "labels": meta.labels},
        "spec": staged.spec.to_wire(),
        "status": staged.status.model_dump(mode="json", by_alias=True, exclude_none=True, include=FOUND),
    }


def forget(this: Pass) -> ForgetPointer:
    """Remove it: what it names is dropped."""
    return ForgetPointer(_uri(this))


def _uri(this: Pass) -> str:
    meta = this.mat.metadata
    return pointer_uri(this.seen.artifacts, meta.namespace, this.spec.training_job_ref.name, meta.name)
