"""The kinds: how each is observed, planned and converged, and the changes of others that wake it."""

from __future__ import annotations

from penstock.api import FeatureStore, FeatureView, Materialization, TrainingJob, VectorCollection, VectorStore
from penstock_operator import references
from penstock_operator.loop.kind import AnyKind, Kind
from penstock_operator.loop.related import owned, referred, referring, referring_through
from penstock_operator.materialization import converge as materialization_converge
from penstock_operator.materialization import observe as materialization_observe
from penstock_operator.materialization.plan import plan as plan_materialization
from penstock_operator.ports import World
from penstock_operator.publicnames.featureview import FeatureService
from penstock_operator.publicnames.vectorcollection import CollectionAlias
from penstock_operator.stores.featurestore import FeastProject
from penstock_operator.stores.vectorstore import Milvus
from penstock_operator.training import converge as training_converge
from penstock_operator.training import observe as training_observe
from penstock_operator.training.plan import plan as plan_training


def kinds(world: World) -> list[AnyKind]:
    """All of them, over one world."""
    return [
        training_job(world),
        feature_store(world),
        feature_view(world),
        vector_store(world),
        vector_collection(world),
        materialization(world),
    ]


def training_job(world: World) -> AnyKind:
    """Carries a TrainingJob from attempt to attempt until a run is whole."""
    return Kind(
        TrainingJob,
        training_observe.Observer(world).observe,
        plan_training,
        training_converge.Converger(world).converge,
        {
            "Materialization": referred("TrainingJob", references.training_job),
            "RayJob": owned("TrainingJob"),
            "Secret": referring("TrainingJob", references.secrets),
        },
    )


def feature_store(world: World) -> AnyKind:
    """Keeps an eye on a Feast project, and removes it at the end."""
    project = FeastProject(world)
    return Kind(
        FeatureStore,
        project.observe,
        project.plan,
        project.converge,
        {
            "FeatureView": referred("FeatureStore", references.store),
            "Secret": referring("FeatureStore", references.secrets),
        },
    )


def feature_view(world: World) -> AnyKind:
    """Lets the feature service follow the pointer."""
    service = FeatureService(world)
    return Kind(
        FeatureView,
        service.observe,
        service.plan,
        service.converge,
        {
            "Materialization": referred("FeatureView", references.feature_views),
            "FeatureStore": referring("FeatureView", references.store),
        },
    )


def vector_store(world: World) -> AnyKind:
    """Keeps an eye on a Milvus."""
    milvus = Milvus(world)
    return Kind(
        VectorStore,
        milvus.observe,
        milvus.plan,
        milvus.converge,
        {
            "VectorCollection": referred("VectorStore", references.store),
            "Secret": referring("VectorStore", references.secrets),
        },
    )


def vector_collection(world: World) -> AnyKind:
    """Lets the alias follow the pointer."""
    alias = CollectionAlias(world)
    return Kind(
        VectorCollection,
        alias.observe,
        alias.plan,
        alias.converge,
        {
            "Materialization": referred("VectorCollection", references.vector_collections),
            "VectorStore": referring("VectorCollection", references.store),
        },
    )


def materialization(world: World) -> AnyKind:
    """Carries each new run of a TrainingJob through its gates into serving."""
    return Kind(
        Materialization,
        materialization_observe.Observer(world).observe,
        plan_materialization,
        materialization_converge.Converger(world).converge,
        {
            "TrainingJob": referring("Materialization", references.training_job),
            "RayJob": owned("Materialization"),
            "FeatureView": referring("Materialization", references.feature_views),
            "VectorCollection": referring("Materialization", references.vector_collections),
            "FeatureStore": referring_through(
                "FeatureView", references.store, "Materialization", references.feature_views
            ),
            "VectorStore": referring_through(
                "VectorCollection", references.store, "Materialization", references.vector_collections
            ),
        },
    )
