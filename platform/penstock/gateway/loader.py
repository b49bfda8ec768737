"""From a run that a Materialization names to the bundle that answers for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from weakref import WeakValueDictionary

from penstock.api.materialization import StagedOutput
from penstock.api.stores import FeatureStore, VectorStore
from penstock.api.views import Serving
from penstock.gateway.bundle import Bundle
from penstock.gateway.collections import Collection, Server
from penstock.gateway.encoder import Encoder
from penstock.gateway.features import Project, View
from penstock.gateway.limits import Limits
from penstock.gateway.once import Once
from penstock.gateway.workers import Workers
from penstock.installation import Installation
from penstock.rundir.digests import digest_json
from penstock.rundir.errors import DigestMismatch
from penstock.rundir.manifest import Manifest, OutputManifest
from penstock.rundir.read import read_manifest
from penstock.secrets import Objects, read_secrets
from penstock.stores.feast.config import feast_config, feature_store_refs
from penstock.stores.memory.index import MemoryIndex
from penstock.stores.milvus.connection import milvus_connection, vector_store_refs

COMPUTE_THREADS = 4
LOAD_THREADS = 4
"""Of each load: what hangs in one keeps no other waiting, and no query."""


class LoadError(Exception):
    """A run cannot be served as its record says; the message names what is wrong."""


class Loader:
    """Loads bundles; those that are in use share the connections of a store, which go with the last of them."""

    def __init__(self, objects: Objects, installation: Installation, limits: Limits) -> None:
        self._objects = objects
        self._installation = installation
        self._waiting = limits.waiting
        self._compute = Workers("an encoder or an index in memory", COMPUTE_THREADS, limits.waiting)
        self._projects: WeakValueDictionary[str, Project] = WeakValueDictionary()
        self._servers: WeakValueDictionary[str, Server] = WeakValueDictionary()
        self._opening: Once[str, Server] = Once()

    async def load(self, namespace: str, run: str, uri: str, outputs: Sequence[StagedOutput]) -> Bundle:
        """The bundle of a run.

        Raises:
            LoadError: a store is gone, or what it or the run directory holds is not what the record says.
            MissingSecret: a Secret is gone.
            FeaturesError, VectorsError, RunDirError: a store or the run directory does not answer.
            ValueError: neither a store nor the installation says where it is.
        """
        threads = Workers(f"the load of run {run}", LOAD_THREADS, len(outputs) + 1)
        try:
            return await self._load(threads, namespace, run, uri, outputs)
        finally:
            threads.close()

    async def _load(
        self, threads: Workers, namespace: str, run: str, uri: str, outputs: Sequence[StagedOutput]
    ) -> Bundle:
        manifest = await threads.run(read_manifest, uri)
        if manifest.run != run:
            raise LoadError(f"{uri} holds run {manifest.run}, not {run}")
        views = [self._view(threads, namespace, output) for output in outputs if output.kind == "Features"]
        collections = [
            self._collection(threads, namespace, uri, manifest, output)
            for output in outputs
            if output.kind == "Embeddings"
        ]
        found_views, found_collections = await asyncio.gather(asyncio.gather(*views), asyncio.gather(*collections))
        return Bundle(
            run,
            {view.name: view for view in found_views},
            {collection.name: collection for collection in found_collections},
            manifest.metrics,
        )

    async def _view(self, threads: Workers, namespace: str, output: StagedOutput) -> View:
        project = await self._project(namespace, output.store)
        about = await threads.run(project.about, output.physical)
        return View(output.resource, output.physical, project, about)

    async def _collection(
        self, threads: Workers, namespace: str, uri: str, manifest: Manifest, output: StagedOutput
    ) -> Collection:
        written = _written(manifest, output.output)
        if output.metric is None or output.dimension is None:
            raise LoadError(f"Run {manifest.run}: the record of {output.physical!r} lacks metric or dimension")
        server = await self._server(namespace, output.store)
        await threads.run(server.load, output.physical)
        fields = await threads.run(server.fields, output.physical)
        memory = None
        if output.serving is Serving.IN_MEMORY:
            memory = await threads.run(MemoryIndex, uri, written, output.dimension, output.metric, fields)
        return Collection(
            name=output.resource,
            physical=output.physical,
            server=server,
            compute=self._compute,
            metric=output.metric,
            dimension=output.dimension,
            rows=output.rows,
            fields=fields,
            encoder=await self._encoder(threads, uri, manifest, output),
            memory=memory,
        )

    async def _encoder(self, threads: Workers, uri: str, manifest: Manifest, output: StagedOutput) -> Encoder | None:
        if output.encoder is None:
            return None
        written = _written(manifest, output.encoder)
        if written.digest != output.encoder_digest:
            raise DigestMismatch(
                f"Encoder {output.encoder!r} of run {manifest.run} is not the one that filled {output.physical!r}"
            )
        encoder = await threads.run(Encoder, uri, written)
        if encoder.about.dimension != output.dimension:
            raise LoadError(
                f"Encoder {output.encoder!r} of run {manifest.run} gives dimension {encoder.about.dimension}, "
                f"and {output.physical!r} has {output.dimension}"
            )
        return encoder

    async def _project(self, namespace: str, name: str) -> Project:
        store = FeatureStore.model_validate(await self._get("FeatureStore", namespace, name))
        secret = await read_secrets(self._objects, namespace, feature_store_refs(store))
        config = feast_config(store, self._installation, secret)
        key = digest_json(config)
        project = self._projects.get(key)
        if project is None:
            project = self._projects[key] = Project(config, self._waiting)
        return project

    async def _server(self, namespace: str, name: str) -> Server:
        store = VectorStore.model_validate(await self._get("VectorStore", namespace, name))
        secret = await read_secrets(self._objects, namespace, vector_store_refs(store))
        connection = milvus_connection(store, self._installation, secret)
        key = digest_json(connection.to_wire())

        async def open_() -> Server:
            # A connection of all loads: not in the threads of the one that was first.
            threads = Workers(f"Milvus at {connection.uri}", 1, 0)
            try:
                server = self._servers[key] = await threads.run(Server, connection, self._waiting)
            finally:
                threads.close()
            return server

        return self._servers.get(key) or await self._opening.run(key, open_)

    async def _get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        found = await self._objects.get(kind, namespace, name)
        if found is None:
            raise LoadError(f"{kind} {name!r} is not in namespace {namespace!r}: create it")
        return found


def _written(manifest: Manifest, name: str) -> OutputManifest:
    output = manifest.output(name)
    if output is None:
        raise LoadError(f"The manifest of run {manifest.run} has no output {name!r}")
    return output
