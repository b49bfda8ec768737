"""A digest of the part of a spec that defines something."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.api.meta import Model
from penstock.rundir.digests import digest_json


def spec_digest(spec: Model, fields: Iterable[str]) -> str:
    """The same for specs that agree in these fields, whatever else differs.

    A field that has its default counts as unset: one that a newer operator brings changes no digest.
    """
    return digest_json(
        spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True, include=set(fields))
    )
