"""How to reach the stores that resources name, with their secrets read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from penstock.api.stores import FeatureStore, VectorStore
from penstock.handoff import MilvusConnection
from penstock.installation import Installation
from penstock.stores.feast.config import feast_config, feature_store_refs
from penstock.stores.milvus.connection import milvus_connection, vector_store_refs
from penstock_operator.adapters.secrets import secrets_for
from penstock_operator.ports import Cluster, Refused, World
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
        secret = await secrets_for(self.cluster, self.memory, store, feature_store_refs(store))
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
        secret = await secrets_for(self.cluster, self.memory, store, vector_store_refs(store))
        try:
            return milvus_connection(store, self.installation, secret)
        except ValueError as error:
            raise Refused(str(error)) from error
