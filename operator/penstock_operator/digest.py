"""A digest of the part of a spec that defines something."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.api.meta import Model
from penstock.api.quantities import CANONICAL
from penstock.rundir.digests import digest_json


def spec_digest(spec: Model, fields: Iterable[str]) -> str:
    """The same for specs that agree in these fields, whatever else differs and however an amount is spelled.

    A field that has its default counts as unset: one that a newer operator brings changes no digest.
    """
    spelled = type(spec).model_validate(spec.to_wire(), context=CANONICAL)
    return digest_json(
        spelled.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True, include=set(fields))
    )
