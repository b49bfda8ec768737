"""The Ray job that stages a run: what it is handed, with secrets as variables and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.api.meta import SecretKeyRef
from penstock.api.stagedrun import StagedKind, StagedRun
from penstock.api.stores import FeatureStore, VectorStore
from penstock.handoff import STAGING_VARIABLE, CollectionTarget, StagingSpec, ViewTarget, as_variable
from penstock.installation import Installation
from penstock.naming import stage_uri
from penstock.stores.feast.config import feast_config
from penstock.stores.milvus.connection import milvus_connection
from penstock_operator.adapters.authorities import authority_variables
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
    staged: StagedRun,
    features: Mapping[str, FeatureStore],
    vectors: Mapping[str, VectorStore],
    installation: Installation,
) -> RaySubmission:
    """The submission of the recorded try.

    Args:
        staged: what to stage.
        features: the FeatureStores that it names, by name.
        vectors: the VectorStores that it names, by name.
        installation: the defaults of the stores.

    Raises:
        KeyError: a store that the spec names is not among them.
        Refused: the authorities of the artifact store cannot be read.
    """
    latest, meta = staged.status.latest_try, staged.metadata
    assert latest is not None
    variables = _SecretVariables()
    spec = StagingSpec(
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        run=staged.spec.training_run_ref.name,
        run_uri=staged.spec.uri,
        stage_uri=stage_uri(staged.spec.uri, meta.uid),
        features=_views(staged, features, installation, variables),
        vectors=_collections(staged, vectors, installation, variables),
        gates=staged.spec.gates,
        baseline=staged.spec.baseline,
    )
    return RaySubmission(
        submission_id=latest.submission_id,
        entrypoint=f"{installation.python} -m penstock.materialize",
        env={**authority_variables(installation), STAGING_VARIABLE: as_variable(spec)},
        secrets=variables.refs,
        metadata={"penstock.dev/staged-run": f"{meta.namespace}/{meta.name}", "penstock.dev/run": spec.run},
    )


def _views(
    staged: StagedRun,
    stores: Mapping[str, FeatureStore],
    installation: Installation,
    variables: _SecretVariables,
) -> list[ViewTarget]:
    return [
        ViewTarget(
            output=view.output,
            resource=view.feature_view_ref.name,
            store=view.store_ref.name,
            view=_physical(staged, "Features", view.feature_view_ref.name),
            config=feast_config(stores[view.store_ref.name], installation, variables.placeholder),
            entities=view.entities,
            features=view.features,
            timestamp_field=view.timestamp_field,
            ttl_seconds=view.ttl_seconds,
        )
        for view in staged.spec.features
    ]


def _collections(
    staged: StagedRun,
    stores: Mapping[str, VectorStore],
    installation: Installation,
    variables: _SecretVariables,
) -> list[CollectionTarget]:
    return [
        CollectionTarget(
            output=one.output,
            resource=one.vector_collection_ref.name,
            store=one.store_ref.name,
            collection=_physical(staged, "Embeddings", one.vector_collection_ref.name),
            connection=milvus_connection(stores[one.store_ref.name], installation, variables.placeholder),
            dimension=one.dimension,
            metric=one.metric,
            index=one.index,
            scalar_fields=one.scalar_fields,
            serving=one.serving,
            encoder=one.encoder,
        )
        for one in staged.spec.vectors
    ]


def _physical(staged: StagedRun, kind: StagedKind, resource: str) -> str:
    """The name that the recorded intent gave."""
    names: dict[tuple[str, str], str] = {(one.kind, one.resource): one.physical for one in staged.status.outputs}
    return names[kind, resource]
