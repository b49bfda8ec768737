"""The reconcilers of all kinds, over one world."""

from __future__ import annotations

from typing import Any

from penstock.installation import Installation
from penstock_operator.loop.reconciler import Reconciler
from penstock_operator.materialization.reconciler import MaterializationReconciler
from penstock_operator.ports import Artifacts, Cluster, Features, Rays, Vectors
from penstock_operator.publicnames.featureview import FeatureViewReconciler
from penstock_operator.publicnames.vectorcollection import VectorCollectionReconciler
from penstock_operator.stores.featurestore import FeatureStoreReconciler
from penstock_operator.stores.vectorstore import VectorStoreReconciler
from penstock_operator.training.reconciler import TrainingJobReconciler


def reconcilers(
    cluster: Cluster, rays: Rays, features: Features, vectors: Vectors, artifacts: Artifacts, installation: Installation
) -> list[Reconciler[Any, Any]]:
    """One reconciler a kind."""
    return [
        TrainingJobReconciler(cluster, rays, artifacts, installation),
        FeatureStoreReconciler(cluster, features, installation),
        FeatureViewReconciler(cluster, features, installation),
        VectorStoreReconciler(cluster, vectors, installation),
        VectorCollectionReconciler(cluster, vectors, installation),
        MaterializationReconciler(cluster, rays, features, vectors, artifacts, installation),
    ]
