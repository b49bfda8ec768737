"""Which of a FeatureView or VectorCollection decides what is staged for it, as a digest. Pure."""

from __future__ import annotations

from penstock.api.views import FeatureView, Index, IndexType, NamedField, VectorCollection
from penstock_operator.digest import spec_digest

VIEW_FIELDS = ("store_ref", "entities", "features", "timestamp_field", "ttl_seconds")
COLLECTION_FIELDS = ("store_ref", "dimension", "metric", "index", "scalar_fields", "serving")
"""`store_ref` cannot be changed, but a resource of the same name may be made anew on another store."""


def target_digest(target: FeatureView | VectorCollection) -> str:
    """The same for resources to which a run is staged in the same way: the order of their columns does not matter."""
    if isinstance(target, FeatureView):
        view = target.spec
        columns = {"entities": sorted(view.entities, key=_name), "features": sorted(view.features, key=_name)}
        return spec_digest(view.model_copy(update=columns), VIEW_FIELDS)
    spec = target.spec
    # Only Auto looks at the recall that is good enough.
    index = spec.index if spec.index.type is IndexType.AUTO else Index(type=spec.index.type)
    fields = sorted(spec.scalar_fields, key=_name)
    return spec_digest(spec.model_copy(update={"index": index, "scalar_fields": fields}), COLLECTION_FIELDS)


def _name(field: NamedField) -> str:
    return field.name
