"""From an object on the wire to a resource, or to why it is none."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError

from penstock.api import Resource
from penstock.wiresize import wire_bytes
from penstock_operator.ports import Object

K = TypeVar("K", bound=Resource)
MOST = 3
MAX_SPEC_BYTES = 768 << 10
"""The API server stores 1.5 MiB, status and all; what a spec hands on to pods has no bound in the schema."""


class InvalidObject(Exception):
    """An object that was stored under another schema cannot be read; the message names it and its fields."""


def parse(kind: type[K], obj: Object) -> K:
    """The resource.

    Raises:
        InvalidObject: it does not validate, or leaves no room for a status.
    """
    name = f"{kind.__name__} {obj['metadata'].get('name')!r}"
    if (size := wire_bytes(obj.get("spec"))) > MAX_SPEC_BYTES:
        most = f"{MAX_SPEC_BYTES >> 10} KiB leave room for a status"
        raise InvalidObject(f"{name} has a spec of {size >> 10} KiB, and {most}: make a podTemplate in it smaller, say")
    try:
        return kind.model_validate(obj)
    except ValidationError as error:
        problems = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()]
        more = f"; and {len(problems) - MOST} more" if len(problems) > MOST else ""
        raise InvalidObject(f"{name} does not validate: {'; '.join(problems[:MOST])}{more}: correct it") from error
