"""Everything of one run that queries need: it is swapped as a whole, so no answer can mix two runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from penstock.gateway.collections import Collection
from penstock.gateway.errors import NotServed
from penstock.gateway.features import View

StoreName = tuple[str, str]
"""Kind and name."""


@dataclass(frozen=True, eq=False)
class Bundle:
    """The views, collections and encoders of one run."""

    run: str
    views: Mapping[str, View]
    collections: Mapping[str, Collection]
    metrics: Mapping[str, float]
    stores: frozenset[StoreName] = frozenset()
    """The kinds and names of the stores that it answers from."""
    stores_digest: str = ""
    """Of their addresses and credentials as they were read: of another, it must be loaded again."""

    def view(self, name: str) -> View:
        """The view that is served under a FeatureView's name.

        Raises:
            NotServed: the run has none.
        """
        if name not in self.views:
            raise NotServed(f"Run {self.run} has no view {name!r}: it has {_listed(self.views)}", self.run)
        return self.views[name]

    def collection(self, name: str) -> Collection:
        """The collection that is served under a VectorCollection's name.

        Raises:
            NotServed: the run has none.
        """
        if name not in self.collections:
            raise NotServed(f"Run {self.run} has no collection {name!r}: it has {_listed(self.collections)}", self.run)
        return self.collections[name]


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(sorted(names)) or "none"
