"""The StagedRun of a run: everything that its staging needs, resolved and frozen. Pure."""

from __future__ import annotations

from penstock.api import API_VERSION, FINALIZER
from penstock.api.materialization import Materialization
from penstock.api.meta import UidRef
from penstock.api.stagedrun import (
    MATERIALIZATION_LABEL,
    RUN_LABEL,
    Baseline,
    StagedCollection,
    StagedRunSpec,
    StagedView,
)
from penstock.api.trainingrun import JOB_LABEL, TrainingRun
from penstock.api.views import CollectionShape, ViewShape
from penstock.naming import staged_run_name
from penstock_operator.materialization.observed import Targets
from penstock_operator.ports import Object


def staged_run(mat: Materialization, run: TrainingRun, targets: Targets, digest: str) -> Object:
    """The object, owned by the Materialization; by its name it is the same whoever makes it.

    Args:
        mat: stages.
        run: is staged.
        targets: the views and collections that the spec names.
        digest: of what it is staged by.
    """
    meta, name = mat.metadata, run.metadata.name
    active = mat.status.active
    spec = StagedRunSpec(
        materialization_ref=UidRef(name=meta.name, uid=meta.uid),
        training_run_ref=UidRef(name=name, uid=run.metadata.uid),
        uri=run.spec.uri,
        trained_at=run.spec.created_at,
        digest=digest,
        features=_views(mat, targets),
        vectors=_collections(mat, targets),
        gates=mat.spec.gates,
        baseline=Baseline(run=active.run, uri=active.uri) if active is not None else None,
        ray=mat.spec.ray,
        deadline_seconds=mat.spec.staging_deadline_seconds,
        retry_limit=mat.spec.staging_retry_limit,
        grace_period_seconds=mat.spec.grace_period_seconds,
    )
    return {
        "apiVersion": API_VERSION,
        "kind": "StagedRun",
        "metadata": {
            "name": staged_run_name(meta.name, name, digest),
            "namespace": meta.namespace,
            "labels": {
                "app.kubernetes.io/part-of": "penstock",
                "app.kubernetes.io/managed-by": "penstock",
                MATERIALIZATION_LABEL: meta.name,
                JOB_LABEL: run.spec.training_job_ref.name,
                RUN_LABEL: name,
            },
            # From its first moment, so that no deletion comes before it.
            "finalizers": [FINALIZER],
            "ownerReferences": [
                {
                    "apiVersion": API_VERSION,
                    "kind": "Materialization",
                    "name": meta.name,
                    "uid": meta.uid,
                    "controller": True,
                    "blockOwnerDeletion": False,
                }
            ],
        },
        "spec": spec.to_wire(),
    }


def _views(mat: Materialization, targets: Targets) -> list[StagedView]:
    found = []
    for mapping in mat.spec.features:
        view = targets.views[mapping.feature_view_ref.name]
        shape = {name: getattr(view.spec, name) for name in ViewShape.model_fields}
        ref = UidRef(name=view.metadata.name, uid=view.metadata.uid)
        found.append(StagedView(output=mapping.output, feature_view_ref=ref, **shape))
    return found


def _collections(mat: Materialization, targets: Targets) -> list[StagedCollection]:
    found = []
    for mapping in mat.spec.vectors:
        collection = targets.collections[mapping.vector_collection_ref.name]
        shape = {name: getattr(collection.spec, name) for name in CollectionShape.model_fields}
        ref = UidRef(name=collection.metadata.name, uid=collection.metadata.uid)
        found.append(
            StagedCollection(output=mapping.output, vector_collection_ref=ref, encoder=mapping.encoder, **shape)
        )
    return found
