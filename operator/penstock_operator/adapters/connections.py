"""How to reach the stores that resources name, with their secrets read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Self

from penstock.api.meta import SecretKeyRef
from penstock.api.stores import FeatureStore, VectorStore
from penstock.handoff import MilvusConnection
from penstock.installation import Installation
from penstock.secrets import MissingSecret, read_secrets
from penstock.stores.feast.config import feast_config, feature_store_refs
from penstock.stores.milvus.connection import milvus_connection, vector_store_refs
from penstock_operator.ports import Cluster, Object, Refused, World
from penstock_operator.secretmemory import SecretMemory


@dataclass(frozen=True)
class Connections:
    """Builds connections from resources, the installation's defaults and Secrets.

    Secrets are read anew each time: whoever changes one need not restart anything.
    """

    cluster: Cluster
    installation: Installation
    memory: SecretMemory

    @classmethod
    def over(cls, world: World) -> Self:
        """The connections of a world."""
        return cls(world.cluster, world.installation, world.secrets)

    async def feast(self, store: FeatureStore) -> dict[str, Any]:
        """The store's `feature_store.yaml`.

        Raises:
            MissingSecret: a Secret that it names is not there.
            Refused: neither the store nor the installation says where.
        """
        secret = await self._secrets(store, feature_store_refs(store))
        try:
            return feast_config(store, self.installation, secret)
        except ValueError as error:
            raise Refused(str(error)) from error

    async def milvus(self, store: VectorStore) -> MilvusConnection:
        """The store's address and token.

        Raises:
            MissingSecret: a Secret that it names is not there.
            Refused: neither the store nor the installation says where.
        """
        secret = await self._secrets(store, vector_store_refs(store))
        try:
            return milvus_connection(store, self.installation, secret)
        except ValueError as error:
            raise Refused(str(error)) from error

    async def _secrets(
        self, store: FeatureStore | VectorStore, refs: Iterable[SecretKeyRef]
    ) -> Callable[[SecretKeyRef], str]:
        leaving = store.metadata.deletion_timestamp is not None
        try:
            return await read_secrets(_Remembering(self.cluster, self.memory, leaving), store.metadata.namespace, refs)
        except MissingSecret as error:
            if not leaving:
                raise
            # Its namespace may be going, where no Secret can be created.
            raise MissingSecret(
                error.problem, f"what it guards in {store.kind} {store.metadata.name!r} stays"
            ) from error


@dataclass(frozen=True)
class _Remembering:
    """Reads Secrets; for a store that is leaving, one that is gone is read as it was."""

    cluster: Cluster
    memory: SecretMemory
    leaving: bool

    async def get(self, kind: str, namespace: str, name: str) -> Object | None:
        found = await self.cluster.get(kind, namespace, name)
        if found is not None:
            self.memory.remember(namespace, name, found)
        elif self.leaving:
            return self.memory.recall(namespace, name)
        return found
