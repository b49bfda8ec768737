"""What is needed of a page of a list, without an object in memory for each field of its items."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from penstock_operator.loop.key import Key


# They make no cycles: the garbage collector need not visit thousands of them.
class _Writer(msgspec.Struct, gc=False):
    time: str = ""


class _Meta(msgspec.Struct, gc=False, rename="camel"):
    name: str
    resource_version: str
    namespace: str = ""
    managed_fields: list[_Writer] = []


class _Item(msgspec.Struct, gc=False):
    metadata: _Meta


class _Items(msgspec.Struct):
    items: list[_Item] | None = None


class _Rest(msgspec.Struct):
    token: str = msgspec.field(name="continue", default="")


class _Page(msgspec.Struct):
    metadata: _Rest


class Seen(NamedTuple):
    """An object's newest version, and when it was last written, as the API has the time; empty where it is gone."""

    version: int
    written: str = ""


GONE = Seen(0)


def versions(kind: str, page: bytes) -> dict[Key, Seen]:
    """The version of each object of a page."""
    metas = [item.metadata for item in msgspec.json.decode(page, type=_Items).items or ()]
    return {Key(kind, meta.namespace, meta.name): _seen(meta) for meta in metas}


def _seen(meta: _Meta) -> Seen:
    return Seen(int(meta.resource_version), max((writer.time for writer in meta.managed_fields), default=""))


def following(page: bytes) -> str | None:
    """What asks for the page that follows; None of the last one."""
    return msgspec.json.decode(page, type=_Page).metadata.token or None
