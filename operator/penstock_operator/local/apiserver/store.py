"""A durable store of objects with the semantics of the Kubernetes API: versions, finalizers, owners, watch."""

from __future__ import annotations

import copy
import json
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, NamedTuple

from penstock_operator.local.apiserver.errors import AlreadyExists, Gone, NotFound, Stale
from penstock_operator.ports import Object

KEPT_CHANGES = 10_000

ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]


class StoredChange(NamedTuple):
    """An entry of the log of changes."""

    version: int
    type: ChangeType
    object: Object


class ObjectStore:
    """Objects in one SQLite file.

    Every call is one transaction, durable when it returns: write-ahead intents must survive the loss of power, so the
    journal is synced at each commit. For one thread and one process.
    """

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript((files(__package__) / "schema.sql").read_text())
        self._listeners: list[Callable[[], None]] = []

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def listen(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` after each change; the returned function ends that."""
        self._listeners.append(wake)
        return lambda: self._listeners.remove(wake)

    # Reading

    @property
    def version(self) -> int:
        """The version of the newest change."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'changes'").fetchone()
        return int(row[0]) if row is not None else 0

    def get(self, kind: str, namespace: str, name: str) -> Object:
        """The object.

        Raises:
            NotFound: there is none.
        """
        row = self._db.execute(
            "SELECT body FROM objects WHERE (kind, namespace, name) = (?, ?, ?)", (kind, namespace, name)
        ).fetchone()
        if row is None:
            raise NotFound(f"{kind} {name!r} is not in namespace {namespace!r}")
        return _load(row[0])

    def list(self, kind: str, namespace: str | None = None) -> Sequence[Object]:
        """The objects of a kind, by namespace and name."""
        query, values = "SELECT body FROM objects WHERE kind = ?", [kind]
        if namespace is not None:
            query, values = f"{query} AND namespace = ?", [kind, namespace]
        return [_load(row[0]) for row in self._db.execute(f"{query} ORDER BY namespace, name", values)]

    def changes(self, kind: str, since: int, namespace: str | None = None) -> Sequence[StoredChange]:
        """What happened to a kind after a version.

        Raises:
            Gone: the log does not reach back so far.
        """
        oldest = self._db.execute("SELECT min(version) FROM changes").fetchone()[0]
        if since < self.version and (oldest is None or since < oldest - 1):
            raise Gone(f"Resource version {since} is too old: list again")
        query, values = "kind = ? AND version > ?", [kind, since]
        if namespace is not None:
            query, values = f"{query} AND namespace = ?", [*values, namespace]
        rows = self._db.execute(f"SELECT version, type, body FROM changes WHERE {query} ORDER BY version", values)  # noqa: S608
        return [StoredChange(version, type_, _load(body)) for version, type_, body in rows]

    def at(self, kind: str, version: int, namespace: str | None = None) -> Sequence[Object]:
        """The objects of a kind as they were at a version.

        Raises:
            Gone: the log does not reach back so far.
        """
        now = self.list(kind, namespace)
        found = {obj["metadata"]["uid"]: obj for obj in now if int(obj["metadata"]["resourceVersion"]) <= version}
        seen: set[str] = set()
        for change in self.changes(kind, version, namespace):
            uid = change.object["metadata"]["uid"]
            if uid not in seen and change.type != "ADDED":
                found[uid] = self._logged(kind, uid, version)
            seen.add(uid)
        return list(found.values())

    # Writing

    def create(self, obj: Object) -> Object:
        """Add an object; uid, generation, version and time are set here.

        Raises:
            AlreadyExists: there is one of this name.
        """
        new = copy.deepcopy(obj)
        meta = new["metadata"]
        meta.setdefault("namespace", "")
        key = (new["kind"], meta["namespace"], meta["name"])
        with self._transaction():
            if self._db.execute("SELECT 1 FROM objects WHERE (kind, namespace, name) = (?, ?, ?)", key).fetchone():
                raise AlreadyExists(f"{key[0]} {key[2]!r} is in namespace {key[1]!r} already")
            meta.update(uid=str(uuid.uuid4()), generation=1, creationTimestamp=_now())
            meta.pop("deletionTimestamp", None)
            new.pop("status", None)
            return self._put("ADDED", new)

    def update(self, obj: Object) -> Object:
        """Replace everything but the status; the generation counts changes of the spec.

        Raises:
            NotFound: there is no such object.
            Stale: `metadata.resourceVersion` is given and not the newest.
        """
        with self._transaction():
            old = self._current(obj)
            new = copy.deepcopy(obj)
            _keep(new, old, "status")
            meta, before = new["metadata"], old["metadata"]
            for field in ("uid", "creationTimestamp", "generation", "deletionTimestamp", "namespace"):
                if field in before:
                    meta[field] = before[field]
                else:
                    meta.pop(field, None)
            if _content(new) != _content(old):
                meta["generation"] = before["generation"] + 1
            return self._replace(old, new)

    def update_status(self, obj: Object) -> Object:
        """Replace the status alone.

        Raises:
            NotFound: there is no such object.
            Stale: `metadata.resourceVersion` is given and not the newest.
        """
        with self._transaction():
            old = self._current(obj)
            new = copy.deepcopy(old)
            new["status"] = copy.deepcopy(obj.get("status", {}))
            return self._replace(old, new)

    def delete(self, kind: str, namespace: str, name: str) -> Object:
        """Delete the object, or mark it where finalizers hold it.

        Raises:
            NotFound: there is no such object.
        """
        with self._transaction():
            old = self.get(kind, namespace, name)
            if not old["metadata"].get("finalizers"):
                return self._remove(old)
            if "deletionTimestamp" in old["metadata"]:
                return old
            new = copy.deepcopy(old)
            new["metadata"]["deletionTimestamp"] = _now()
            return self._put("MODIFIED", new)

    def delete_all(self, objects: Sequence[Object]) -> None:
        """Delete objects, those that are still there, as one write."""
        if not objects:
            return
        with self._transaction():
            for obj in objects:
                with suppress(NotFound):
                    self.delete(obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"])

    # The parts of a write

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        for wake in tuple(self._listeners):
            wake()

    def _current(self, obj: Object) -> Object:
        meta = obj["metadata"]
        old = self.get(obj["kind"], meta.get("namespace", ""), meta["name"])
        given = meta.get("resourceVersion")
        if given and given != old["metadata"]["resourceVersion"]:
            raise Stale(f"{obj['kind']} {meta['name']!r} changed since it was read: read it again")
        if meta.get("uid") and meta["uid"] != old["metadata"]["uid"]:
            raise Stale(f"{obj['kind']} {meta['name']!r} is another object of the same name")
        return old

    def _replace(self, old: Object, new: Object) -> Object:
        new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
        if new == old:
            return old
        if "deletionTimestamp" in new["metadata"] and not new["metadata"].get("finalizers"):
            return self._remove(new)
        return self._put("MODIFIED", new)

    def _put(self, type_: ChangeType, obj: Object) -> Object:
        version = self._log(type_, obj)
        meta = obj["metadata"]
        self._db.execute(
            "INSERT OR REPLACE INTO objects (kind, namespace, name, uid, body) VALUES (?, ?, ?, ?, ?)",
            (obj["kind"], meta["namespace"], meta["name"], meta["uid"], _dump(obj)),
        )
        self._db.execute("DELETE FROM changes WHERE version <= ?", (version - KEPT_CHANGES,))
        return obj

    def _remove(self, obj: Object) -> Object:
        self._log("DELETED", obj)
        self._db.execute("DELETE FROM objects WHERE uid = ?", (obj["metadata"]["uid"],))
        for child in self._children(obj["metadata"]["uid"]):
            self.delete(child["kind"], child["metadata"]["namespace"], child["metadata"]["name"])
        return obj

    def _children(self, uid: str) -> Sequence[Object]:
        rows = self._db.execute("SELECT body FROM objects WHERE body LIKE ?", (f'%"uid":"{uid}"%',)).fetchall()
        found = [_load(row[0]) for row in rows]
        return [o for o in found if any(r["uid"] == uid for r in o["metadata"].get("ownerReferences", ()))]

    def _logged(self, kind: str, uid: str, version: int) -> Object:
        row = self._db.execute(
            "SELECT body FROM changes WHERE kind = ? AND version <= ? AND json_extract(body, '$.metadata.uid') = ? "
            "ORDER BY version DESC LIMIT 1",
            (kind, version, uid),
        ).fetchone()
        if row is None:
            raise Gone(f"What {kind} {uid} was at resource version {version} is not known any more: list again")
        return _load(row[0])

    def _log(self, type_: ChangeType, obj: Object) -> int:
        """Add to the log, which gives the object its version."""
        cursor = self._db.execute(
            "INSERT INTO changes (type, kind, namespace, body) VALUES (?, ?, ?, '')",
            (type_, obj["kind"], obj["metadata"]["namespace"]),
        )
        version = int(cursor.lastrowid or 0)
        obj["metadata"]["resourceVersion"] = str(version)
        self._db.execute("UPDATE changes SET body = ? WHERE version = ?", (_dump(obj), version))
        return version


def _keep(new: Object, old: Object, field: str) -> None:
    if field in old:
        new[field] = copy.deepcopy(old[field])
    else:
        new.pop(field, None)


def _content(obj: Object) -> dict[str, Any]:
    return {name: value for name, value in obj.items() if name not in ("metadata", "status")}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _dump(obj: Object) -> str:
    return json.dumps(obj, separators=(",", ":"))


def _load(body: str) -> Object:
    loaded: Object = json.loads(body)
    return loaded
