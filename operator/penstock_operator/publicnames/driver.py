"""What differs between a feature service and an alias; all else about a public name is the same."""

from __future__ import annotations

from typing import Protocol, TypeVar

from penstock.api.stagedrun import StagedKind, StagedRunSpec
from penstock.api.views import (
    CollectionShape,
    FeatureView,
    FeatureViewStatus,
    VectorCollection,
    VectorCollectionStatus,
    ViewShape,
)
from penstock_operator.ports import Object, References

K = TypeVar("K", bound=FeatureView | VectorCollection)
K_in = TypeVar("K_in", bound=FeatureView | VectorCollection, contravariant=True)
Reached = TypeVar("Reached")
"""How a store is reached, with its secrets."""


class Driver(Protocol[K_in, Reached]):
    """A kind of public name, in its kind of store. Calls on a store raise Unreachable or Refused."""

    @property
    def noun(self) -> str:
        """What people call the public name."""

    @property
    def output(self) -> StagedKind:
        """The kind of the outputs that it stands for."""

    @property
    def store(self) -> str:
        """The kind of the store."""

    @property
    def targets(self) -> References:
        """From a Materialization or StagedRun to the resources that it feeds."""

    def stands_for(self, obj: K_in) -> str | None:
        """What the status says that the public name stands for."""

    def status(self, obj: K_in, physical: str | None, run: str | None) -> FeatureViewStatus | VectorCollectionStatus:
        """A copy of the status that says what the public name stands for."""

    def staged_shape(self, spec: StagedRunSpec, name: str) -> ViewShape | CollectionShape | None:
        """What a resource was when a run was staged for it, or None where it was not."""

    async def reach(self, store: Object) -> Reached:
        """How to reach a store.

        Raises:
            MissingSecret: a Secret that it names is not there.
            Refused: it does not say where it is.
        """

    async def current(self, store: Reached, public: str) -> str | None:
        """What a public name stands for."""

    async def point(self, store: Reached, public: str, physical: str) -> None:
        """Let a public name stand for this."""

    async def release(self, store: Reached, public: str, physical: str) -> None:
        """Remove a public name while it stands for this."""
