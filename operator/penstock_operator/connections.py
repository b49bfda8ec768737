"""How to reach the stores that resources name, with their secrets read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from penstock.api.meta import SecretKeyRef
from penstock.api.stores import FeatureStore, VectorStore
from penstock.features.config import feast_config
from penstock.handoff import MilvusConnection
from penstock.installation import Installation
from penstock.vectors.connection import milvus_connection
from penstock_operator.ports import Cluster, Refused
from penstock_operator.secrets import read_secrets


def feature_store_refs(store: FeatureStore) -> list[SecretKeyRef]:
    """The Secrets that a FeatureStore names."""
    parts = [part for part in (store.spec.online_store, store.spec.registry) if part is not None]
    return [option.secret_ref for part in parts for option in part.options if option.secret_ref is not None]


def vector_store_refs(store: VectorStore) -> list[SecretKeyRef]:
    """The Secrets that a VectorStore names."""
    return [store.spec.token_secret_ref] if store.spec.token_secret_ref is not None else []


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
