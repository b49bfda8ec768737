"""A durable store of objects with the semantics of the Kubernetes API: schemas, versions, finalizers, owners, watch."""

from __future__ import annotations

import copy
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from penstock_operator.local.apiserver.admission import Admission
from penstock_operator.local.apiserver.changelog import ChangeLog, ChangeType, StoredChange, dump, load
from penstock_operator.local.apiserver.errors import AlreadyExists, NotFound, Stale
from penstock_operator.local.apiserver.owners import Owners
from penstock_operator.local.apiserver.resources import BY_KIND, ServedKind
from penstock_operator.ports import Object

IDENTITY = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")
"""Of the metadata, what no caller sets."""


Review = Callable[[Object | None, Object | None], None]
"""Raises where a change is not allowed: of an object as it would be, None where it goes, and as it was."""


def allow(obj: Object | None, old: Object | None) -> None:
    """Allow everything: the control plane's own changes are not reviewed."""


class ObjectStore:
    """Objects in one SQLite file.

    Whoever writes, an object is checked and pruned here by the schema of its kind, and whoever reads sees its defaults;
    what is owned goes with its last owner. Every call is one transaction, durable when it returns: write-ahead intents
    must survive the loss of power, so the journal is synced at each commit. For one thread and one process.
    """

    def __init__(self, path: Path | str, kinds: Mapping[str, ServedKind] = BY_KIND) -> None:
        """Open the file, and collect what lost its owner while nobody looked.

        Args:
            path: of the file.
            kinds: those whose schemas are known, by name; objects of others are kept as they are.
        """
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript((files(__package__) / "schema.sql").read_text())
        self._admission, self._log, self._owners = Admission(kinds), ChangeLog(self._db), Owners(self._db)
        self._listeners: list[Callable[[], None]] = []
        self._uncollected = True
        with self._transaction():
            pass

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
        return self._log.version

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
        return self._admission.shown(load(row[0]))

    def list(self, kind: str, namespace: str | None = None) -> Sequence[Object]:
        """The objects of a kind, by namespace and name."""
        query, values = "SELECT body FROM objects WHERE kind = ?", [kind]
        if namespace is not None:
            query, values = f"{query} AND namespace = ?", [kind, namespace]
        rows = self._db.execute(f"{query} ORDER BY namespace, name", values)
        return [self._admission.shown(load(row[0])) for row in rows]

    def changes(self, kind: str, since: int, namespace: str | None = None) -> Sequence[StoredChange]:
        """What happened to a kind after a version.

        Raises:
            Gone: the log does not reach back so far.
        """
        found = self._log.since(kind, since, namespace)
        return [change._replace(object=self._admission.shown(change.object)) for change in found]

    def at(self, kind: str, version: int, namespace: str | None = None) -> Sequence[Object]:
        """The objects of a kind as they were at a version.

        Raises:
            Gone: the log does not reach back so far.
        """
        found = self._log.at(kind, version, namespace, self.list(kind, namespace))
        return [self._admission.shown(obj) for obj in found]

    # Writing

    def create(self, obj: Object, *, review: Review = allow, strict: bool = False, dry_run: bool = False) -> Object:
        """Add an object; uid, generation, version and time are set here.

        Args:
            obj: without a status, or with one that is dropped.
            review: asked before anything changes; likewise in the calls below.
            strict: refuse fields that the schema does not know, and do not drop them.
            dry_run: do all but keep it.

        Raises:
            AlreadyExists: there is one of this name.
            Malformed: its metadata is wrong.
            Invalid: it breaks its schema or rules.
        """
        new = self._admission.created(obj, strict=strict)
        meta = new["metadata"]
        meta.setdefault("namespace", "")
        key = (new["kind"], meta["namespace"], meta["name"])
        with self._transaction(dry_run):
            if self._db.execute("SELECT 1 FROM objects WHERE (kind, namespace, name) = (?, ?, ?)", key).fetchone():
                raise AlreadyExists(f"{key[0]} {key[2]!r} is in namespace {key[1]!r} already")
            for field in IDENTITY:
                meta.pop(field, None)
            meta.update(uid=str(uuid.uuid4()), generation=1, creationTimestamp=_now())
            review(new, None)
            return self._put("ADDED", new)

    def update(self, obj: Object, *, review: Review = allow, strict: bool = False, dry_run: bool = False) -> Object:
        """Replace everything but the status; the generation counts changes of the spec.

        Raises:
            NotFound: there is no such object.
            Stale: `metadata.resourceVersion` is given and not the newest.
            Malformed: its metadata is wrong.
            Invalid: it breaks its schema or rules.
        """
        with self._transaction(dry_run):
            old = self._current(obj)
            new = self._admission.updated(obj, old, strict=strict)
            meta, before = new["metadata"], old["metadata"]
            for field in (*IDENTITY, "namespace"):
                if field in before:
                    meta[field] = before[field]
                else:
                    meta.pop(field, None)
            if _content(new) != _content(old):
                meta["generation"] = before["generation"] + 1
            review(new, old)
            return self._replace(old, new)

    def update_status(self, obj: Object, *, strict: bool = False, dry_run: bool = False) -> Object:
        """Replace the status alone.

        Raises:
            NotFound: there is no such object.
            Stale: `metadata.resourceVersion` is given and not the newest.
            Invalid: the status breaks its schema or rules.
        """
        with self._transaction(dry_run):
            old = self._current(obj)
            return self._replace(old, self._admission.with_status(obj, old, strict=strict))

    def delete(self, kind: str, namespace: str, name: str, *, review: Review = allow, dry_run: bool = False) -> Object:
        """Delete the object, or mark it where finalizers hold it.

        Raises:
            NotFound: there is no such object.
        """
        with self._transaction(dry_run):
            old = self.get(kind, namespace, name)
            review(None, old)
            if not old["metadata"].get("finalizers"):
                return self._remove(old)
            if "deletionTimestamp" in old["metadata"]:
                return old
            new = copy.deepcopy(old)
            # The API server counts it too: what is to be done about the object is another.
            marks = {"deletionTimestamp": _now(), "deletionGracePeriodSeconds": 0}
            new["metadata"].update(marks, generation=old["metadata"]["generation"] + 1)
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
    def _transaction(self, dry_run: bool = False) -> Iterator[None]:
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._collect()
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        if dry_run:
            self._db.execute("ROLLBACK")
            return
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
        self._log.append(type_, obj)
        meta = obj["metadata"]
        self._db.execute(
            "INSERT OR REPLACE INTO objects (kind, namespace, name, uid, body) VALUES (?, ?, ?, ?, ?)",
            (obj["kind"], meta["namespace"], meta["name"], meta["uid"], dump(obj)),
        )
        self._uncollected |= self._owners.note(obj)
        return self._admission.shown(obj)

    def _remove(self, obj: Object) -> Object:
        self._log.append("DELETED", obj)
        uid = obj["metadata"]["uid"]
        self._db.execute("DELETE FROM objects WHERE uid = ?", (uid,))
        self._owners.forget(uid)
        self._uncollected = True
        return obj

    def _collect(self) -> None:
        """Delete what has no owner left, and what that owned in turn; of several owners, forget those who are gone."""
        while self._uncollected:
            self._uncollected = False
            for obj, owners in self._owners.orphaned():
                meta = obj["metadata"]
                if owners:
                    self._put("MODIFIED", {**obj, "metadata": {**meta, "ownerReferences": owners}})
                else:
                    self.delete(obj["kind"], meta["namespace"], meta["name"])


def _content(obj: Object) -> dict[str, Any]:
    return {name: value for name, value in obj.items() if name not in ("metadata", "status")}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
