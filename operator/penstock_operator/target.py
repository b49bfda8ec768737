"""Which of a FeatureView or VectorCollection decides what is staged for it, as a digest. Pure."""

from __future__ import annotations

from penstock.api.views import (
    CollectionShape,
    FeatureView,
    Index,
    IndexType,
    NamedField,
    VectorCollection,
    ViewShape,
)
from penstock_operator.digest import spec_digest

VIEW_FIELDS = ("store_ref", "entities", "features", "timestamp_field", "ttl_seconds")
COLLECTION_FIELDS = ("store_ref", "dimension", "metric", "index", "scalar_fields", "serving")
"""`store_ref` cannot be changed, but a resource of the same name may be made anew on another store."""


def target_digest(target: FeatureView | VectorCollection) -> str:
    """The same for resources to which a run is staged in the same way: the order of their columns does not matter."""
    return shape_digest(target.spec)


def shape_digest(shape: ViewShape | CollectionShape) -> str:
    """The same for shapes that are staged in the same way, of a resource as it is or as it was for a StagedRun."""
    if isinstance(shape, ViewShape):
        columns = {"entities": sorted(shape.entities, key=_name), "features": sorted(shape.features, key=_name)}
        return spec_digest(shape.model_copy(update=columns), VIEW_FIELDS)
    # Only Auto looks at the recall that is good enough.
    index = shape.index if shape.index.type is IndexType.AUTO else Index(type=shape.index.type)
    fields = sorted(shape.scalar_fields, key=_name)
    return spec_digest(shape.model_copy(update={"index": index, "scalar_fields": fields}), COLLECTION_FIELDS)


def _name(field: NamedField) -> str:
    return field.name
