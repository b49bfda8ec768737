"""From a run that a Materialization names to the bundle that answers for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from penstock.api.stagedrun import StagedOutput
from penstock.api.views import Serving
from penstock.gateway.bundle import Bundle, StoreName
from penstock.gateway.collections import Collection
from penstock.gateway.connections import Connections, Stores
from penstock.gateway.encoder import Encoder
from penstock.gateway.errors import LoadError
from penstock.gateway.features import View
from penstock.gateway.limits import Limits
from penstock.gateway.threads import BoundedThreads
from penstock.gateway.witnesses import witnesses
from penstock.installation import Installation
from penstock.rundir.errors import DigestMismatch
from penstock.rundir.manifest import Manifest, OutputManifest
from penstock.rundir.read import read_manifest
from penstock.secrets import Objects
from penstock.stores.memory.index import MemoryIndex

COMPUTE_THREADS = 4
LOAD_THREADS = 4
"""Of each load: what hangs in one keeps no other waiting, and no query."""
STORES = {"Features": "FeatureStore", "Embeddings": "VectorStore"}
"""The kind of store that an output is in."""


class Loader:
    """Loads bundles."""

    def __init__(self, objects: Objects, installation: Installation, limits: Limits) -> None:
        self._connections = Connections(objects, installation, limits.waiting)
        self._compute = BoundedThreads("an encoder or an index in memory", COMPUTE_THREADS, limits.waiting)

    async def stores_digest(self, namespace: str, stores: frozenset[StoreName]) -> str:
        """Of the addresses and credentials of stores, as they are now.

        Raises:
            LoadError: there is no such store.
            MissingSecret: a Secret is gone.
        """
        return (await self._connections.read(namespace, stores)).digest

    async def load(self, namespace: str, run: str, uri: str, outputs: Sequence[StagedOutput]) -> Bundle:
        """The bundle of a run.

        Raises:
            LoadError: a store is gone, or what it or the run directory holds is not what the record says.
            MissingSecret: a Secret is gone.
            FeaturesError, VectorsError, RunDirError: a store or the run directory does not answer.
            ValueError: neither a store nor the installation says where it is.
        """
        threads = BoundedThreads(f"the load of run {run}", LOAD_THREADS, len(outputs) + 1)
        try:
            return await self._load(threads, namespace, run, uri, outputs)
        finally:
            threads.close()

    async def _load(
        self, threads: BoundedThreads, namespace: str, run: str, uri: str, outputs: Sequence[StagedOutput]
    ) -> Bundle:
        manifest = await threads.run(read_manifest, uri)
        if manifest.run != run:
            raise LoadError(f"{uri} holds run {manifest.run}, not {run}")
        names = frozenset((STORES[output.kind], output.store) for output in outputs)
        stores = await self._connections.read(namespace, names)
        views = [self._view(threads, stores, uri, manifest, one) for one in outputs if one.kind == "Features"]
        collections = [
            self._collection(threads, stores, uri, manifest, one) for one in outputs if one.kind == "Embeddings"
        ]
        found_views, found_collections = await asyncio.gather(asyncio.gather(*views), asyncio.gather(*collections))
        return Bundle(
            run,
            {view.name: view for view in found_views},
            {collection.name: collection for collection in found_collections},
            manifest.metrics,
            names,
            stores.digest,
        )

    async def _view(
        self, threads: BoundedThreads, stores: Stores, uri: str, manifest: Manifest, output: StagedOutput
    ) -> View:
        project = self._connections.project(stores, output.store)
        about = await threads.run(project.about, output.physical)
        written = _written(manifest, output.output)
        known = await threads.run(witnesses, stores.features[output.store], uri, written, tuple(about.keys))
        return View(output.resource, output.physical, project, about, known)

    async def _collection(
        self, threads: BoundedThreads, stores: Stores, uri: str, manifest: Manifest, output: StagedOutput
    ) -> Collection:
        written = _written(manifest, output.output)
        if output.metric is None or output.dimension is None:
            raise LoadError(f"Run {manifest.run}: the record of {output.physical!r} lacks metric or dimension")
        server = await self._connections.server(stores, output.store)
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

    async def _encoder(
        self, threads: BoundedThreads, uri: str, manifest: Manifest, output: StagedOutput
    ) -> Encoder | None:
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


def _written(manifest: Manifest, name: str) -> OutputManifest:
    output = manifest.output(name)
    if output is None:
        raise LoadError(f"The manifest of run {manifest.run} has no output {name!r}")
    return output
