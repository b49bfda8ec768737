"""From an object on the wire to a resource, or to why it is none."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError

from penstock.api import Resource
from penstock_operator.ports import Object

K = TypeVar("K", bound=Resource)
MOST = 3


class InvalidObject(Exception):
    """An object that was stored under another schema cannot be read; the message names it and its fields."""


def parse(kind: type[K], obj: Object) -> K:
    """The resource.

    Raises:
        InvalidObject: it does not validate.
    """
    try:
        return kind.model_validate(obj)
    except ValidationError as error:
        problems = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()]
        more = f"; and {len(problems) - MOST} more" if len(problems) > MOST else ""
        name = f"{kind.__name__} {obj['metadata'].get('name')!r}"
        raise InvalidObject(f"{name} does not validate: {'; '.join(problems[:MOST])}{more}: correct it") from error
