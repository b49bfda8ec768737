"""The log of changes, from which watches resume."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Literal, NamedTuple

from penstock_operator.local.apiserver.errors import Gone
from penstock_operator.ports import Object

KEPT_CHANGES = 10_000

ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]


class StoredChange(NamedTuple):
    """An entry of the log."""

    version: int
    type: ChangeType
    object: Object


class ChangeLog:
    """What happened to objects, the newest of it, each entry with a version of its own."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    @property
    def version(self) -> int:
        """The version of the newest change."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'changes'").fetchone()
        return int(row[0]) if row is not None else 0

    def append(self, type_: ChangeType, obj: Object) -> None:
        """Add a change, which gives the object its version."""
        cursor = self._db.execute(
            "INSERT INTO changes (type, kind, namespace, body) VALUES (?, ?, ?, '')",
            (type_, obj["kind"], obj["metadata"]["namespace"]),
        )
        version = int(cursor.lastrowid or 0)
        obj["metadata"]["resourceVersion"] = str(version)
        self._db.execute("UPDATE changes SET body = ? WHERE version = ?", (dump(obj), version))
        self._db.execute("DELETE FROM changes WHERE version <= ?", (version - KEPT_CHANGES,))

    def since(self, kind: str, version: int, namespace: str | None = None) -> Sequence[StoredChange]:
        """What happened to a kind after a version.

        Raises:
            Gone: the log does not reach back so far.
        """
        oldest = self._db.execute("SELECT min(version) FROM changes").fetchone()[0]
        if version < self.version and (oldest is None or version < oldest - 1):
            raise Gone(f"Resource version {version} is too old: list again")
        query, values = "kind = ? AND version > ?", [kind, version]
        if namespace is not None:
            query, values = f"{query} AND namespace = ?", [*values, namespace]
        rows = self._db.execute(f"SELECT version, type, body FROM changes WHERE {query} ORDER BY version", values)  # noqa: S608
        return [StoredChange(number, type_, load(body)) for number, type_, body in rows]

    def at(self, kind: str, version: int, namespace: str | None, now: Sequence[Object]) -> Sequence[Object]:
        """The objects of a kind as they were at a version.

        Args:
            kind: of the objects.
            version: of the log.
            namespace: None for all.
            now: the objects as they are.

        Raises:
            Gone: the log does not reach back so far.
        """
        found = {obj["metadata"]["uid"]: obj for obj in now if int(obj["metadata"]["resourceVersion"]) <= version}
        seen: set[str] = set()
        for change in self.since(kind, version, namespace):
            uid = change.object["metadata"]["uid"]
            if uid not in seen and change.type != "ADDED":
                found[uid] = self._logged(kind, uid, version)
            seen.add(uid)
        return list(found.values())

    def _logged(self, kind: str, uid: str, version: int) -> Object:
        row = self._db.execute(
            "SELECT body FROM changes WHERE kind = ? AND version <= ? AND json_extract(body, '$.metadata.uid') = ? "
            "ORDER BY version DESC LIMIT 1",
            (kind, version, uid),
        ).fetchone()
        if row is None:
            raise Gone(f"What {kind} {uid} was at resource version {version} is not known any more: list again")
        return load(row[0])


def dump(obj: Object) -> str:
    """An object as it is kept."""
    return json.dumps(obj, separators=(",", ":"))


def load(body: str) -> Object:
    """The object that is kept."""
    loaded: Object = json.loads(body)
    return loaded
