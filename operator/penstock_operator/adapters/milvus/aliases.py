"""Aliases: the stable names in front of one collection for each run."""

from __future__ import annotations

import time

from pymilvus import MilvusClient
from pymilvus.exceptions import MilvusException

from penstock.handoff import MilvusConnection
from penstock.stores.milvus.client import connect
from penstock.stores.milvus.errors import VectorsRefused

VERIFY_SECONDS = 2.0
VERIFY_INTERVAL = 0.05


def alias_target(connection: MilvusConnection, alias: str) -> str | None:
    """The collection that an alias stands for, or None where there is no such alias."""
    with connect(connection) as client:
        return _target(client, alias)


def move_alias(connection: MilvusConnection, alias: str, collection: str) -> None:
    """Let the alias stand for a collection, and see that it does.

    An existing alias is altered, never dropped and made again: that would show a gap. A server may answer with the old
    target for a moment after the switch.

    Raises:
        VectorsRefused: there is no such collection, or the alias still stands for another one after two seconds.
    """
    with connect(connection) as client:
        target = _target(client, alias)
        if target == collection:
            return
        if target is None:
            client.create_alias(collection_name=collection, alias=alias)
        else:
            client.alter_alias(collection_name=collection, alias=alias)
        deadline = time.monotonic() + VERIFY_SECONDS
        while _target(client, alias) != collection:
            if time.monotonic() > deadline:
                raise VectorsRefused(f"Alias {alias!r} does not stand for {collection!r} after the switch")
            time.sleep(VERIFY_INTERVAL)


def drop_alias(connection: MilvusConnection, alias: str, collection: str) -> None:
    """Remove an alias that stands for this collection; any other is left, one that is gone is fine."""
    with connect(connection) as client:
        if _target(client, alias) == collection:
            client.drop_alias(alias=alias)


def _target(client: MilvusClient, alias: str) -> str | None:
    try:
        return str(client.describe_alias(alias=alias)["collection_name"])
    except MilvusException as error:
        if "not exist" in str(error.message) or "not found" in str(error.message):
            return None
        raise
