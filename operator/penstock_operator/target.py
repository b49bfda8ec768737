"""Which of a FeatureView or VectorCollection decides what is staged for it, as a digest. Pure."""

from __future__ import annotations

from penstock.api.views import CollectionShape, Index, IndexType, NamedField, ViewShape
from penstock_operator.digest import spec_digest


def shape_digest(shape: ViewShape | CollectionShape) -> str:
    """The same for shapes to which a run is staged in the same way: the order of their columns does not matter."""
    if isinstance(shape, ViewShape):
        columns = {"entities": sorted(shape.entities, key=_name), "features": sorted(shape.features, key=_name)}
        return spec_digest(shape.model_copy(update=columns), ViewShape.model_fields)
    # Only Auto looks at the recall that is good enough.
    index = shape.index if shape.index.type is IndexType.AUTO else Index(type=shape.index.type)
    fields = sorted(shape.scalar_fields, key=_name)
    shape = shape.model_copy(update={"index": index, "scalar_fields": fields})
    return spec_digest(shape, CollectionShape.model_fields)


def _name(field: NamedField) -> str:
    return field.name
