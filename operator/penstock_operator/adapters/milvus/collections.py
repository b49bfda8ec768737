"""Collections of runs, when nobody stages any more: whether they are there, and their end."""

from __future__ import annotations

from pymilvus.client.types import LoadState

from penstock.handoff import MilvusConnection
from penstock.stores.milvus.client import connect
from penstock.stores.milvus.errors import VectorsRefused


def has_collection(connection: MilvusConnection, collection: str) -> bool:
    """Whether there is such a collection, and it is loaded or can be: one without an index cannot."""
    with connect(connection) as client:
        if not client.has_collection(collection):
            return False
        state = client.get_load_state(collection)["state"]
        return state in (LoadState.Loaded, LoadState.Loading) or bool(client.list_indexes(collection))


def drop_collection(connection: MilvusConnection, collection: str) -> None:
    """Drop a collection; one that is gone is fine.

    Milvus Lite drops a collection that an alias names without a word, so the aliases are read first.

    Raises:
        VectorsRefused: an alias stands for it.
    """
    with connect(connection) as client:
        if not client.has_collection(collection):
            return
        aliases = client.list_aliases(collection).get("aliases", [])
        if aliases:
            raise VectorsRefused(f"Collection {collection!r} is not dropped: alias {aliases[0]!r} stands for it")
        client.drop_collection(collection)
