"""Load a run into its stores, shard by shard; a shard that is done is not done again."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

from penstock.handoff import CollectionTarget, StagingSpec, ViewTarget
from penstock.materialize.columns import typed_batches, types_of
from penstock.materialize.events import Mask
from penstock.materialize.scan import Scan
from penstock.rundir import storage
from penstock.rundir.manifest import Manifest, OutputManifest
from penstock.rundir.progress import write_progress
from penstock.stores.feast.store import open_store
from penstock.stores.feast.views import register_view
from penstock.stores.feast.writer import FeastWriter
from penstock.stores.milvus.client import connect
from penstock.stores.milvus.writer import MilvusWriter
from penstock.stores.ports import OnlineWriter, VectorWriter

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
    writer: OnlineWriter = FeastWriter(open_store(target.config), target)
    start = 0
    for file in output.files:
        shard = output.model_copy(update={"files": [file]})

        def write(shard: OutputManifest = shard, row: int = start) -> None:
            batches = typed_batches(spec.run_uri, shard, types_of(target), [target.timestamp_field], BATCH_ROWS)
            for _ in writer.write(_live(batches, superseded, row, progress)):
                pass

        _once(spec, target, file.path, file.rows or 0, write, progress, again=fresh)
        start += file.rows or 0


def _live(
    batches: Iterator[pa.RecordBatch], superseded: Mask | None, row: int, progress: Progress
) -> Iterator[pa.RecordBatch]:
    """The rows, from this one of the output on, that no other one replaces; what was taken is done when more is."""
    for batch in batches:
        yield batch if superseded is None else batch.filter(pa.array(~superseded[row : row + len(batch)]))
        progress.add(len(batch))
        row += len(batch)


def _load_collection(spec: StagingSpec, target: CollectionTarget, output: OutputManifest, progress: Progress) -> None:
    types = types_of(target, output)
    with connect(target.connection) as client:
        writer: VectorWriter = MilvusWriter(client, target)
        fresh = writer.prepare(types["id"])
        for file in output.files:
            shard = output.model_copy(update={"files": [file]})

            def write(shard: OutputManifest = shard) -> None:
                for done in writer.write(typed_batches(spec.run_uri, shard, types, ["vector"], BATCH_ROWS)):
                    progress.add(done)

            _once(spec, target, file.path, file.rows or 0, write, progress, again=fresh)
        if writer.count() < output.rows:
            # Marks without their rows: the store lost what it had said it kept.
            for _ in writer.write(typed_batches(spec.run_uri, output, types, ["vector"], BATCH_ROWS)):
                pass


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
