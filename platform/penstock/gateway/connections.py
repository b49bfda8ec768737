"""Connections to stores, which the bundles in use share; they go with the last of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from penstock.api.stores import FeatureStore, VectorStore
from penstock.gateway.bundle import StoreName
from penstock.gateway.collections import Server
from penstock.gateway.errors import LoadError
from penstock.gateway.features import Project
from penstock.gateway.once import Once
from penstock.gateway.threads import BoundedThreads
from penstock.handoff import MilvusConnection
from penstock.installation import Installation
from penstock.rundir.digests import digest_json
from penstock.secrets import Objects, read_secrets
from penstock.stores.feast.config import feast_config, feature_store_refs
from penstock.stores.milvus.connection import milvus_connection, vector_store_refs


@dataclass(frozen=True)
class Stores:
    """Addresses and credentials of stores, as they were when they were read."""

    features: Mapping[str, Mapping[str, Any]]
    vectors: Mapping[str, MilvusConnection]

    @property
    def names(self) -> frozenset[StoreName]:
        """Which stores these are."""
        return frozenset(
            [*(("FeatureStore", name) for name in self.features), *(("VectorStore", name) for name in self.vectors)]
        )

    @property
    def digest(self) -> str:
        """Of all that is said of them."""
        vectors = {name: connection.to_wire() for name, connection in self.vectors.items()}
        return digest_json({"features": {**self.features}, "vectors": vectors})


class Connections:
    """Opens connections, one to each store as long as it is spoken to in one way."""

    def __init__(self, objects: Objects, installation: Installation, waiting: int) -> None:
        self._objects, self._installation, self._waiting = objects, installation, waiting
        self._projects: WeakValueDictionary[str, Project] = WeakValueDictionary()
        self._servers: WeakValueDictionary[str, Server] = WeakValueDictionary()
        self._opening: Once[str, Server] = Once()

    async def read(self, namespace: str, names: frozenset[StoreName]) -> Stores:
        """How these stores are to be spoken to.

        Raises:
            LoadError: there is no such store.
            MissingSecret: a Secret is gone.
            ValueError: neither a store nor the installation says where it is.
        """
        features, vectors = {}, {}
        for kind, name in sorted(names):
            if kind == "FeatureStore":
                features[name] = await self._features(namespace, name)
            else:
                vectors[name] = await self._vectors(namespace, name)
        return Stores(features, vectors)

    def project(self, stores: Stores, name: str) -> Project:
        """A Feast project."""
        config = stores.features[name]
        key = digest_json({**config})
        project = self._projects.get(key)
        if project is None:
            project = self._projects[key] = Project(config, self._waiting)
        return project

    async def server(self, stores: Stores, name: str) -> Server:
        """A Milvus.

        Raises:
            VectorsError: it does not answer.
        """
        connection = stores.vectors[name]
        key = digest_json(connection.to_wire())

        async def open_() -> Server:
            # A connection of all loads: not in the threads of the one that was first.
            threads = BoundedThreads(f"Milvus at {connection.uri}", 1, 0)
            try:
                server = self._servers[key] = await threads.run(Server, connection, self._waiting)
            finally:
                threads.close()
            return server

        return self._servers.get(key) or await self._opening.run(key, open_)

    async def _features(self, namespace: str, name: str) -> Mapping[str, Any]:
        store = FeatureStore.model_validate(await self._get("FeatureStore", namespace, name))
        secret = await read_secrets(self._objects, namespace, feature_store_refs(store))
        return feast_config(store, self._installation, secret)

    async def _vectors(self, namespace: str, name: str) -> MilvusConnection:
        store = VectorStore.model_validate(await self._get("VectorStore", namespace, name))
        secret = await read_secrets(self._objects, namespace, vector_store_refs(store))
        return milvus_connection(store, self._installation, secret)

    async def _get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        found = await self._objects.get(kind, namespace, name)
        if found is None:
            raise LoadError(f"{kind} {name!r} is not in namespace {namespace!r}: create it")
        return found
