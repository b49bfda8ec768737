"""A copy of the pointer beside the runs, from which objects that were lost with a cluster can be made again. Pure."""

from __future__ import annotations

from penstock.api import API_VERSION
from penstock.naming import pointer_uri
from penstock_operator.materialization.observed import ForgetPointer, RecordPointer
from penstock_operator.materialization.passes import Pass

SCHEMA_VERSION = 1


def record(this: Pass) -> RecordPointer | None:
    """Write down what the pointer names, if that has not been done since it moved."""
    active, staged = this.status.active, this.active
    if active is None or staged is None or this.status.recorded == staged.metadata.uid:
        return None
    meta = this.mat.metadata
    document = {
        "schemaVersion": SCHEMA_VERSION,
        "apiVersion": API_VERSION,
        "materialization": {"namespace": meta.namespace, "name": meta.name, "uid": meta.uid},
        "active": active.to_wire(),
        "stagedRun": {
            "metadata": {"name": staged.metadata.name, "uid": staged.metadata.uid, "labels": staged.metadata.labels},
            "spec": staged.spec.to_wire(),
            "status": staged.status.to_wire(),
        },
    }
    return RecordPointer(_uri(this), document)


def forget(this: Pass) -> ForgetPointer:
    """Remove it: what it names is dropped."""
    return ForgetPointer(_uri(this))


def _uri(this: Pass) -> str:
    meta = this.mat.metadata
    return pointer_uri(this.seen.artifacts, meta.namespace, this.spec.training_job_ref.name, meta.name)
