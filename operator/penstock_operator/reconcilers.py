"""The reconcilers of all kinds, over one world."""

from __future__ import annotations

from typing import Any

from penstock.installation import Installation
from penstock_operator.featurestore.reconciler import FeatureStoreReconciler
from penstock_operator.featureview.reconciler import FeatureViewReconciler
from penstock_operator.loop.reconciler import Reconciler
from penstock_operator.materialization.reconciler import MaterializationReconciler
from penstock_operator.ports import Artifacts, Cluster, Features, Rays, Vectors
from penstock_operator.training.reconciler import TrainingJobReconciler
from penstock_operator.vectorcollection.reconciler import VectorCollectionReconciler
from penstock_operator.vectorstore.reconciler import VectorStoreReconciler


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
