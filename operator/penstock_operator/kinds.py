"""The kinds: how each is observed, planned and converged, and the changes of others that wake it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from penstock.api import (
    FeatureStore,
    FeatureView,
    Materialization,
    StagedRun,
    TrainingJob,
    TrainingRun,
    VectorCollection,
    VectorStore,
)
from penstock_operator import references
from penstock_operator.loop.kind import AnyKind, Kind
from penstock_operator.loop.related import any_of, owned, referred, referring, sharing, when_deleted
from penstock_operator.materialization import converge as materialization_converge
from penstock_operator.materialization import observe as materialization_observe
from penstock_operator.materialization.plan import plan as plan_materialization
from penstock_operator.ports import World
from penstock_operator.publicnames.aliases import Aliases
from penstock_operator.publicnames.reconciler import PublicNames
from penstock_operator.publicnames.services import FeatureServices
from penstock_operator.stagedrun import converge as stagedrun_converge
from penstock_operator.stagedrun import observe as stagedrun_observe
from penstock_operator.stagedrun.plan import plan as plan_staged
from penstock_operator.stores.feast import FeastProjects
from penstock_operator.stores.milvus import MilvusServers
from penstock_operator.stores.reconciler import Stores
from penstock_operator.training import converge as training_converge
from penstock_operator.training import observe as training_observe
from penstock_operator.training.plan import plan as plan_training
from penstock_operator.training.sweep import SourceSweeper
from penstock_operator.trainingrun import converge as trainingrun_converge
from penstock_operator.trainingrun import observe as trainingrun_observe
from penstock_operator.trainingrun.plan import plan as plan_training_run

Chore = Callable[[], Coroutine[Any, Any, None]]


def kinds(world: World) -> list[AnyKind]:
    """All of them, over one world."""
    return [
        training_job(world),
        training_run(world),
        feature_store(world),
        feature_view(world),
        vector_store(world),
        vector_collection(world),
        materialization(world),
        staged_run(world),
    ]


def chores(world: World) -> list[Chore]:
    """What whoever leads does beside; none ends by itself."""
    return [SourceSweeper(world).run]


def training_job(world: World) -> AnyKind:
    """Carries a TrainingJob from attempt to attempt until a run is whole."""
    return Kind(
        TrainingJob,
        training_observe.Observer(world).observe,
        plan_training,
        training_converge.Converger(world).converge,
        {
            "TrainingRun": referred("TrainingJob", references.training_job),
            "RayJob": owned("TrainingJob"),
            "Secret": referring("TrainingJob", references.secrets),
        },
    )


def training_run(world: World) -> AnyKind:
    """Keeps a run, with its directory, for as long as somebody needs it."""
    return Kind(
        TrainingRun,
        trainingrun_observe.Observer(world).observe,
        plan_training_run,
        trainingrun_converge.Converger(world).converge,
        {
            "TrainingJob": when_deleted(referring("TrainingRun", references.training_job)),
            "StagedRun": referred("TrainingRun", references.training_run),
        },
    )


def feature_store(world: World) -> AnyKind:
    """Keeps an eye on a Feast project, and removes it at the end."""
    stores = Stores(world.cluster, FeastProjects(world))
    return Kind(
        FeatureStore,
        stores.observe,
        stores.plan,
        stores.converge,
        {
            "FeatureView": referred("FeatureStore", references.store),
            "StagedRun": referred("FeatureStore", references.feature_stores),
            "Secret": referring("FeatureStore", references.secrets),
        },
    )


def feature_view(world: World) -> AnyKind:
    """Lets the feature service follow the pointer."""
    names = PublicNames(world.cluster, FeatureServices(world))
    return Kind(
        FeatureView,
        names.observe,
        names.plan,
        names.converge,
        {
            "Materialization": referred("FeatureView", references.feature_views),
            "FeatureStore": referring("FeatureView", references.store),
        },
    )


def vector_store(world: World) -> AnyKind:
    """Keeps an eye on a Milvus."""
    stores = Stores(world.cluster, MilvusServers(world))
    return Kind(
        VectorStore,
        stores.observe,
        stores.plan,
        stores.converge,
        {
            "VectorCollection": referred("VectorStore", references.store),
            "StagedRun": referred("VectorStore", references.vector_stores),
            "Secret": referring("VectorStore", references.secrets),
        },
    )


def vector_collection(world: World) -> AnyKind:
    """Lets the alias follow the pointer."""
    names = PublicNames(world.cluster, Aliases(world))
    return Kind(
        VectorCollection,
        names.observe,
        names.plan,
        names.converge,
        {
            "Materialization": referred("VectorCollection", references.vector_collections),
            "VectorStore": referring("VectorCollection", references.store),
        },
    )


def materialization(world: World) -> AnyKind:
    """Has each new run of a TrainingJob staged, and lets the pointer name the one that is to be served."""
    return Kind(
        Materialization,
        materialization_observe.Observer(world).observe,
        plan_materialization,
        materialization_converge.Converger(world).converge,
        {
            "TrainingJob": referring("Materialization", references.training_job),
            "TrainingRun": sharing("Materialization", references.training_job),
            "StagedRun": owned("Materialization"),
            "FeatureView": referring("Materialization", references.feature_views),
            "VectorCollection": referring("Materialization", references.vector_collections),
            "Materialization": any_of(
                sharing("Materialization", references.feature_views),
                sharing("Materialization", references.vector_collections),
            ),
        },
    )


def staged_run(world: World) -> AnyKind:
    """Carries one run through loading, verification and gates; drops its data at the end."""
    return Kind(
        StagedRun,
        stagedrun_observe.Observer(world).observe,
        plan_staged,
        stagedrun_converge.Converger(world).converge,
        {
            "Materialization": referring("StagedRun", references.materialization),
            "RayJob": owned("StagedRun"),
            "FeatureStore": referring("StagedRun", references.feature_stores),
            "VectorStore": referring("StagedRun", references.vector_stores),
            "FeatureView": referring("StagedRun", references.feature_views),
            "VectorCollection": referring("StagedRun", references.vector_collections),
        },
    )
