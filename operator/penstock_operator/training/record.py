"""From an attempt whose manifest is whole to its TrainingRun. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.api import API_VERSION, FINALIZER
from penstock.api.meta import NamedValue, UidRef
from penstock.api.trainingjob import Attempt, TrainingJob
from penstock.api.trainingrun import JOB_LABEL, RunColumn, RunMetric, RunOutput, TrainingRun, TrainingRunSpec
from penstock.rundir.manifest import Manifest, OutputManifest
from penstock.wiresize import wire_bytes
from penstock_operator.ports import Object
from penstock_operator.training.bounds import named_numbers

COLUMN_BYTES = 256 * 1024
"""Columns beyond that are in the manifest alone: an object must fit into etcd."""


def training_run(job: TrainingJob, attempt: Attempt, manifest: Manifest, uri: str) -> Object:
    """The object, with its finalizer from the first, so that it costs one write.

    Args:
        job: whose attempt it is.
        attempt: as it was recorded; the spec may speak of another one by now.
        manifest: of the run.
        uri: of the run directory.

    Raises:
        ValidationError: the manifest names what no TrainingRun can have.
    """
    spec = TrainingRunSpec(
        training_job_ref=UidRef(name=job.metadata.name, uid=job.metadata.uid),
        attempt=attempt.number,
        uri=uri,
        manifest_digest=manifest.digest,
        created_at=manifest.created_at,
        entrypoint=attempt.entrypoint,
        source_revision=attempt.source_revision,
        resumed_from=attempt.resume_from,
        params=_params(manifest.params),
        metrics=[RunMetric(name=one.name, value=repr(one.value)) for one in named_numbers(manifest.metrics)],
        outputs=_outputs(manifest.outputs),
        deletion_policy=job.spec.deletion_policy,
    )
    return {
        "apiVersion": API_VERSION,
        "kind": TrainingRun.__name__,
        "metadata": {
            "name": attempt.run,
            "namespace": job.metadata.namespace,
            "labels": {
                "app.kubernetes.io/part-of": "penstock",
                "app.kubernetes.io/managed-by": "penstock",
                JOB_LABEL: job.metadata.name,
            },
            "finalizers": [FINALIZER],
        },
        "spec": spec.to_wire(),
    }


def _params(params: Mapping[str, str]) -> list[NamedValue]:
    return [NamedValue(name=name, value=value) for name, value in sorted(params.items())]


def _outputs(outputs: list[OutputManifest]) -> list[RunOutput]:
    room, made = COLUMN_BYTES, []
    for output in outputs:
        columns = [RunColumn(name=column.name, type=column.type) for column in output.columns]
        room -= wire_bytes([column.to_wire() for column in columns])
        made.append(
            RunOutput(
                name=output.name,
                kind=output.kind,
                format=output.format,
                rows=output.rows,
                dimension=output.dimension,
                metric=output.metric,
                columns=columns if room >= 0 else [],
                digest=output.digest,
            )
        )
    return made
