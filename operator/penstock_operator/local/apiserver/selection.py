"""What a watch with a selector tells, as the Kubernetes API does: an object enters and leaves the selection."""

from __future__ import annotations

from collections.abc import Iterable

from penstock_operator.local.apiserver.changelog import ChangeType, StoredChange
from penstock_operator.local.apiserver.selectors import Selector
from penstock_operator.ports import Object


class Selection:
    """The objects that match, as the watch has shown them."""

    def __init__(self, matches: Selector, seen: Iterable[Object]) -> None:
        """Begin.

        Args:
            matches: the selector.
            seen: the objects that the reader of the watch has been shown, matching or not.
        """
        self._matches = matches
        self._shown = {_uid(obj): obj for obj in seen if matches(obj)}

    def as_seen(self, change: StoredChange) -> tuple[ChangeType, Object] | None:
        """The event that the reader sees of a change; None where the object is neither in the selection nor was."""
        obj = change.object
        before = self._shown.pop(_uid(obj), None)
        if change.type == "DELETED":
            return ("DELETED", obj) if before is not None or self._matches(obj) else None
        if self._matches(obj):
            self._shown[_uid(obj)] = obj
            return "ADDED" if before is None else "MODIFIED", obj
        if before is None:
            return None
        # As it last matched, at the version at which it left.
        version = obj["metadata"]["resourceVersion"]
        return "DELETED", {**before, "metadata": {**before["metadata"], "resourceVersion": version}}


def _uid(obj: Object) -> str:
    return str(obj["metadata"]["uid"])
