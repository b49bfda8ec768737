"""Which object."""

from __future__ import annotations

from typing import NamedTuple

from penstock_operator.ports import Object


class Key(NamedTuple):
    """A kind, a namespace and a name."""

    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, obj: Object) -> Key:
        """The key of an object on the wire."""
        meta = obj["metadata"]
        return cls(obj["kind"], meta.get("namespace", ""), meta["name"])
