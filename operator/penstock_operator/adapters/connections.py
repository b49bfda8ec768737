"""How to reach the stores that resources name, with their secrets read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from penstock.api.stores import FeatureStore, VectorStore
from penstock.handoff import MilvusConnection
from penstock.installation import Installation
from penstock.secrets import read_secrets
from penstock.stores.feast.config import feast_config, feature_store_refs
from penstock.stores.milvus.connection import milvus_connection, vector_store_refs
from penstock_operator.ports import Cluster, Refused


@dataclass(frozen=True)
class Connections:
    """Builds connections from resources, the installation's defaults and Secrets."""

    cluster: Cluster
    installation: Installation

    async def feast(self, store: FeatureStore) -> dict[str, Any]:
        """The store's `feature_store.yaml`.

        Raises:
            MissingSecret: a Secret that it names is not there.
            Refused: neither the store nor the installation says where.
        """
        secret = await read_secrets(self.cluster, store.metadata.namespace, feature_store_refs(store))
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
        secret = await read_secrets(self.cluster, store.metadata.namespace, vector_store_refs(store))
        try:
            return milvus_connection(store, self.installation, secret)
        except ValueError as error:
            raise Refused(str(error)) from error
