"""The Ray job that stages a run: what it is handed, with secrets as variables and nowhere else."""

from __future__ import annotations

from penstock.api.materialization import Materialization, RunRecord
from penstock.api.meta import SecretKeyRef
from penstock.handoff import STAGING_VARIABLE, ActiveRun, CollectionTarget, StagingSpec, ViewTarget, as_variable
from penstock.installation import Installation
from penstock.stores.feast.config import feast_config
from penstock.stores.milvus.connection import milvus_connection
from penstock_operator.adapters.authorities import authority_variables
from penstock_operator.materialization.observed import Targets
from penstock_operator.ports import RaySubmission


class _SecretVariables:
    """Gives each Secret key a variable, and a placeholder to put in its place."""

    def __init__(self) -> None:
        self.refs: dict[str, SecretKeyRef] = {}

    def placeholder(self, ref: SecretKeyRef) -> str:
        name = next((name for name, known in self.refs.items() if known == ref), f"PENSTOCK_SECRET_{len(self.refs)}")
        self.refs[name] = ref
        return f"${{{name}}}"


def staging_submission(
    mat: Materialization, record: RunRecord, targets: Targets, installation: Installation
) -> RaySubmission:
    """The submission of a recorded staging.

    Raises:
        KeyError: a view, collection or store that the spec names is not among the targets.
        Refused: the authorities of the artifact store cannot be read.
    """
    variables = _SecretVariables()
    spec = StagingSpec(
        namespace=mat.metadata.namespace,
        name=mat.metadata.name,
        uid=mat.metadata.uid,
        run=record.run,
        run_uri=record.uri,
        stage_uri=record.stage_uri,
        features=_views(mat, record, targets, installation, variables),
        vectors=_collections(mat, record, targets, installation, variables),
        gates=mat.spec.gates,
        active=ActiveRun(run=mat.status.active.run, run_uri=mat.status.active.uri) if mat.status.active else None,
    )
    return RaySubmission(
        submission_id=record.submission_id,
        entrypoint=f"{installation.python} -m penstock.materialize",
        env={**authority_variables(installation), STAGING_VARIABLE: as_variable(spec)},
        secrets=variables.refs,
        metadata={
            "penstock.dev/materialization": f"{mat.metadata.namespace}/{mat.metadata.name}",
            "penstock.dev/run": record.run,
        },
    )


def _views(
    mat: Materialization, record: RunRecord, targets: Targets, installation: Installation, variables: _SecretVariables
) -> list[ViewTarget]:
    found = []
    for mapping in mat.spec.features:
        view = targets.views[mapping.feature_view_ref.name]
        store = targets.feature_stores[view.spec.store_ref.name]
        found.append(
            ViewTarget(
                output=mapping.output,
                resource=view.metadata.name,
                store=store.metadata.name,
                view=_physical(record, "Features", view.metadata.name),
                config=feast_config(store, installation, variables.placeholder),
                entities=view.spec.entities,
                features=view.spec.features,
                timestamp_field=view.spec.timestamp_field,
                ttl_seconds=view.spec.ttl_seconds,
            )
        )
    return found


def _collections(
    mat: Materialization, record: RunRecord, targets: Targets, installation: Installation, variables: _SecretVariables
) -> list[CollectionTarget]:
    found = []
    for mapping in mat.spec.vectors:
        collection = targets.collections[mapping.vector_collection_ref.name]
        store = targets.vector_stores[collection.spec.store_ref.name]
        found.append(
            CollectionTarget(
                output=mapping.output,
                resource=collection.metadata.name,
                store=store.metadata.name,
                collection=_physical(record, "Embeddings", collection.metadata.name),
                connection=milvus_connection(store, installation, variables.placeholder),
                dimension=collection.spec.dimension,
                metric=collection.spec.metric,
                index=collection.spec.index,
                scalar_fields=collection.spec.scalar_fields,
                serving=collection.spec.serving,
                encoder=mapping.encoder,
            )
        )
    return found


def _physical(record: RunRecord, kind: str, resource: str) -> str:
    """The name that the recorded intent gave."""
    names: dict[tuple[str, str], str] = {(one.kind, one.resource): one.physical for one in record.outputs}
    return names[kind, resource]
