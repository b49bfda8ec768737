"""What differs between a Feast project and a Milvus; all else about a store is the same."""

from __future__ import annotations

from typing import Protocol, TypeVar

from penstock.api.stagedrun import StagedKind
from penstock.api.stores import FeatureStore, FeatureStoreStatus, VectorStore, VectorStoreStatus
from penstock_operator.ports import References

K = TypeVar("K", bound=FeatureStore | VectorStore)
K_in = TypeVar("K_in", bound=FeatureStore | VectorStore, contravariant=True)


class Driver(Protocol[K_in]):
    """A kind of store. Calls on it raise MissingSecret, Unreachable or Refused."""

    @property
    def view(self) -> str:
        """The kind of the resources on it."""

    @property
    def output(self) -> StagedKind:
        """The kind of the outputs in it."""

    @property
    def staged(self) -> References:
        """From a StagedRun to the stores that it is staged to."""

    def status(self, obj: K_in, version: str | None) -> FeatureStoreStatus | VectorStoreStatus:
        """A copy of the status with the version that answered, if one did."""

    def possession(self, obj: K_in) -> str:
        """What goes with a deleted store, for people; nothing where nothing does."""

    async def check(self, obj: K_in) -> str | None:
        """Ask whether it answers; its version, if it tells one."""

    async def remove(self, obj: K_in) -> None:
        """Remove what goes with it."""
