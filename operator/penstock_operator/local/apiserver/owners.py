"""Who owns whom, and what is left when an owner has gone: the garbage that the Kubernetes API collects.

https://kubernetes.io/docs/concepts/architecture/garbage-collection/#owners-dependents
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from penstock_operator.local.apiserver.changelog import load
from penstock_operator.ports import Object


class Dependent(NamedTuple):
    """An object that names an owner who is gone."""

    object: Object
    owners: list[Mapping[str, Any]]
    """Its references to those who are still there; none where it is garbage."""


class Owners:
    """An index of owner references, by uid."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def note(self, obj: Object) -> bool:
        """Take the references of an object as it is now; whether they are new."""
        uid = obj["metadata"]["uid"]
        owners = {str(reference["uid"]) for reference in obj["metadata"].get("ownerReferences") or ()}
        if owners == {owner for (owner,) in self._db.execute("SELECT owner FROM owners WHERE uid = ?", (uid,))}:
            return False
        self.forget(uid)
        self._db.executemany("INSERT INTO owners (uid, owner) VALUES (?, ?)", [(uid, owner) for owner in owners])
        return True

    def forget(self, uid: str) -> None:
        """Drop the references of an object that is gone."""
        self._db.execute("DELETE FROM owners WHERE uid = ?", (uid,))

    def orphaned(self) -> Iterator[Dependent]:
        """The objects that name an owner who is gone, or of another namespace; those that go already are left out.

        While one takes them, an object may be written or deleted only when it was given.
        """
        rows = self._db.execute(
            "SELECT DISTINCT child.body FROM owners JOIN objects AS child ON child.uid = owners.uid "
            "LEFT JOIN objects AS owner ON owner.uid = owners.owner AND owner.namespace IN ('', child.namespace) "
            "WHERE owner.uid IS NULL AND json_extract(child.body, '$.metadata.deletionTimestamp') IS NULL"
        ).fetchall()
        for (body,) in rows:
            obj = load(body)
            references = obj["metadata"]["ownerReferences"]
            yield Dependent(
                obj, [one for one in references if self._is_there(one["uid"], obj["metadata"]["namespace"])]
            )

    def _is_there(self, uid: str, namespace: str) -> bool:
        query = "SELECT 1 FROM objects WHERE uid = ? AND namespace IN ('', ?)"
        return self._db.execute(query, (uid, namespace)).fetchone() is not None
