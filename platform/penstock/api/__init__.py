"""The eight kinds of `penstock.dev/v1alpha1`: pydantic models, the single source of CRDs and reference."""

from penstock.api.materialization import Materialization
from penstock.api.meta import API_VERSION, FINALIZER, GROUP, VERSION, Resource
from penstock.api.stagedrun import StagedRun
from penstock.api.stores import FeatureStore, VectorStore
from penstock.api.trainingjob import TrainingJob
from penstock.api.trainingrun import TrainingRun
from penstock.api.views import FeatureView, VectorCollection

KINDS: dict[str, type[Resource]] = {
    kind.__name__: kind
    for kind in (
        TrainingJob,
        TrainingRun,
        FeatureStore,
        FeatureView,
        VectorStore,
        VectorCollection,
        Materialization,
        StagedRun,
    )
}

__all__ = [
    "API_VERSION",
    "FINALIZER",
    "GROUP",
    "KINDS",
    "VERSION",
    "FeatureStore",
    "FeatureView",
    "Materialization",
    "Resource",
    "StagedRun",
    "TrainingJob",
    "TrainingRun",
    "VectorCollection",
    "VectorStore",
]
