"""Load a run into its stores, shard by shard; a shard that is done is not done again."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

from penstock.handoff import CollectionTarget, StagingSpec, ViewTarget
from penstock.materialize.events import Mask
from penstock.materialize.scan import Scan
from penstock.rundir import storage
from penstock.rundir.manifest import Manifest, OutputManifest
from penstock.rundir.progress import write_progress
from penstock.rundir.read import iter_batches
from penstock.stores.feast.rows import write_batch
from penstock.stores.feast.store import open_store
from penstock.stores.feast.views import register_view
from penstock.stores.milvus.client import connect
from penstock.stores.milvus.collections import count, create_collection, upsert

BATCH_ROWS = 2048
SHARDS = "shards"
Place = tuple[str, str]
"""An output, and the view or collection that it goes to: one output may go to several."""


def place(target: ViewTarget | CollectionTarget) -> Place:
    """The place of a target."""
    return target.output, target.resource


class Progress:
    """Counts rows of all outputs together and tells how far the staging is."""

    def __init__(self, stage_uri: str, total: int) -> None:
        self._uri, self._total, self._done = stage_uri, total, 0
        self._lock = threading.Lock()

    def add(self, rows: int) -> None:
        """Count rows that are in a store."""
        with self._lock:
            self._done += rows
            write_progress(self._uri, self._done, self._total)


def load(spec: StagingSpec, manifest: Manifest, scans: Mapping[Place, Scan]) -> None:
    """Write every output to its store, features and vectors side by side.

    Of several events of one entity the latest is written, whatever shard it is in.

    Raises:
        FeaturesError, VectorsError: a store failed; what is loaded stays, and a repetition goes on from there.
    """
    targets: list[ViewTarget | CollectionTarget] = [*spec.features, *spec.vectors]
    pairs = [(target, manifest.output(target.output)) for target in targets]
    progress = Progress(spec.stage_uri, sum(output.rows for _, output in pairs if output is not None))
    fresh: set[Place] = set()
    for target, output in pairs:
        if isinstance(target, ViewTarget) and output is not None:
            # One after the other: Feast's registry does not take two writers at once.
            parquet = storage.join(spec.run_uri, "outputs", output.name)
            if register_view(open_store(target.config), target, parquet):
                fresh.add(place(target))
    with ThreadPoolExecutor(max_workers=max(len(pairs), 1)) as pool:
        jobs = []
        for target, output in pairs:
            assert output is not None
            if isinstance(target, ViewTarget):
                superseded, new = scans[place(target)].superseded, place(target) in fresh
                jobs.append(pool.submit(_load_view, spec, target, output, superseded, progress, new))
            else:
                jobs.append(pool.submit(_load_collection, spec, target, output, progress))
        for job in jobs:
            job.result()


def _load_view(
    spec: StagingSpec,
    target: ViewTarget,
    output: OutputManifest,
    superseded: Mask | None,
    progress: Progress,
    fresh: bool,
) -> None:
    store = open_store(target.config)
    start = 0
    for file in output.files:
        shard = output.model_copy(update={"files": [file]})

        def write(shard: OutputManifest = shard, row: int = start) -> None:
            for batch in iter_batches(spec.run_uri, shard, batch_rows=BATCH_ROWS):
                kept = batch if superseded is None else batch.filter(pa.array(~superseded[row : row + len(batch)]))
                if len(kept):
                    write_batch(store, target, kept)
                progress.add(len(batch))
                row += len(batch)

        _once(spec, target, file.path, file.rows or 0, write, progress, again=fresh)
        start += file.rows or 0


def _load_collection(spec: StagingSpec, target: CollectionTarget, output: OutputManifest, progress: Progress) -> None:
    with connect(target.connection) as client:
        fresh = not client.has_collection(target.collection)
        first = next(iter_batches(spec.run_uri, output, ["id"], 1))
        create_collection(client, target, first.schema.field("id").type)
        for file in output.files:
            shard = output.model_copy(update={"files": [file]})

            def write(shard: OutputManifest = shard) -> None:
                for batch in iter_batches(spec.run_uri, shard, batch_rows=BATCH_ROWS):
                    progress.add(upsert(client, target, batch))

            _once(spec, target, file.path, file.rows or 0, write, progress, again=fresh)
        if count(client, target.collection) < output.rows:
            # Marks without their rows: the store lost what it had said it kept.
            for batch in iter_batches(spec.run_uri, output, batch_rows=BATCH_ROWS):
                upsert(client, target, batch)


def _once(
    spec: StagingSpec,
    target: ViewTarget | CollectionTarget,
    path: str,
    rows: int,
    write: Callable[[], None],
    progress: Progress,
    again: bool,
) -> None:
    """Write a shard and mark it done for its target; one with a mark is counted and left, but for `again`."""
    name = path.rsplit("/", 1)[-1]
    mark = storage.join(spec.stage_uri, SHARDS, target.resource, f"{target.output}-{name}.json")
    if storage.is_file(mark) and not again:
        progress.add(rows)
        return
    write()
    storage.replace(mark, json.dumps({"rows": rows}).encode())
