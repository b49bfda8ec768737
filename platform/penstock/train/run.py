"""The run that a worker takes part in."""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from penstock.api.trainingjob import OutputKind
from penstock.api.views import Metric
from penstock.handoff import ATTEMPT_VARIABLE, AttemptSource, AttemptSpec
from penstock.rundir.progress import write_progress
from penstock.train.params import Params

if TYPE_CHECKING:
    import numpy as np

REPORT_SECONDS = 0.25
RANK_VARIABLE = "PENSTOCK_RANK"
WORLD_SIZE_VARIABLE = "PENSTOCK_WORLD_SIZE"

_unwritten: dict[str, tuple[int, int, dict[str, float]]] = {}
"""The newest report of each run directory, as long as it is not written."""


class Run:
    """What a worker knows of its run, and where it writes.

    Attributes:
        params: `spec.params`, typed when read.
        rank: the number of this worker, from 0.
        world_size: the number of workers.
        name: the name of the run.
    """

    def __init__(self, spec: AttemptSpec, rank: int, world_size: int) -> None:
        self.params = Params(spec.params)
        self.name = spec.run
        self.rank = rank
        self.world_size = world_size
        self._spec = spec
        self._reported = float("-inf")
        self._shards: dict[str, int] = {}

    @property
    def uri(self) -> str:
        """The run directory."""
        return self._spec.run_uri

    def report(self, step: int, total: int = 0, **metrics: float) -> None:
        """Tell how far the run is. Worker 0 writes it, at most four times a second, and always the last report.

        The metrics of the last report are those of the manifest.

        Args:
            step: the step that is done.
            total: how many there are; 0 where that is not known.
            metrics: what was measured.

        Examples:
            >>> run = current()  # doctest: +SKIP
            >>> run.report(3, total=10, loss=0.25)  # doctest: +SKIP
        """
        if self.rank != 0:
            return
        _unwritten[self.uri] = step, total, {name: float(value) for name, value in metrics.items()}
        now = time.monotonic()
        if now - self._reported >= REPORT_SECONDS or 0 < total <= step:
            self._reported = now
            write_last_reports()

    def checkpoint(self, step: int, files: Mapping[str, bytes]) -> None:
        """Keep files to go on from; they are there as a whole or not at all. Worker 0 writes them.

        Args:
            step: the step that they belong to, from 0.
            files: content by file name, in one folder.

        Raises:
            CheckpointInvalid: the step is negative, or a name is none of a file.
        """
        if self.rank == 0:
            from penstock.rundir.checkpoints import write_checkpoint

            write_checkpoint(self.uri, step, files, self._spec.checkpoint.keep)

    def latest_checkpoint(self) -> tuple[int, dict[str, bytes]] | None:
        """The newest checkpoint of this run or of the one that it goes on from: its step and files."""
        from penstock.rundir.checkpoints import read_checkpoint

        for uri in filter(None, (self.uri, self._spec.resume_uri)):
            if (found := read_checkpoint(uri)) is not None:
                return found
        return None

    def write_features(
        self, name: str, data: Any, *, entity_keys: Sequence[str], timestamp_field: str = "event_timestamp"
    ) -> None:
        """Write this worker's rows of an output of features.

        Args:
            name: the output.
            data: a pyarrow Table, a pandas DataFrame, or arrays by column name, all of one length.
            entity_keys: the columns that name an entity; no value of theirs may be null.
            timestamp_field: the column of event times; where the data has none, the time of this call is taken.

        Raises:
            OutputError: a column is missing.
        """
        from penstock.train.outputs import feature_table, write_shard

        table = feature_table(name, data, entity_keys, timestamp_field)
        about = {"kind": OutputKind.FEATURES, "entity_keys": [*entity_keys], "timestamp_field": timestamp_field}
        write_shard(self.uri, name, self.rank, self._next_shard(name), table, about)

    def write_embeddings(
        self,
        name: str,
        ids: Any,
        vectors: np.ndarray[Any, Any],
        *,
        metric: Metric | str = Metric.COSINE,
        normalized: bool = False,
        **fields: Any,
    ) -> None:
        """Write this worker's rows of an output of embeddings.

        Args:
            name: the output.
            ids: `[rows]` whole numbers or strings, each of them once in the whole output.
            vectors: `[rows, dimension]`, kept as float32.
            metric: how near two vectors are: Cosine, InnerProduct or L2.
            normalized: whether every vector has length one.
            fields: scalar fields, `[rows]` each.

        Raises:
            OutputError: shapes do not fit.
        """
        from penstock.train.outputs import embedding_table, write_shard

        table, dimension = embedding_table(name, ids, vectors, fields)
        about = {
            "kind": OutputKind.EMBEDDINGS,
            "dimension": dimension,
            "metric": Metric(metric),
            "normalized": normalized,
        }
        write_shard(self.uri, name, self.rank, self._next_shard(name), table, about)

    def save_encoder(self, name: str, module: Any, example: Any) -> None:
        """Save the encoder of queries as ONNX with a free batch axis. Worker 0 writes it.

        Args:
            name: the output.
            module: a torch module, or the bytes of an ONNX model.
            example: one batch of input, `[batch, …]`, as a NumPy array or torch tensor.

        Raises:
            OutputError: the model does not give one vector a row.
        """
        if self.rank == 0:
            from penstock.train.encoders import write_encoder

            write_encoder(self.uri, name, module, example)

    def _next_shard(self, name: str) -> int:
        number = self._shards.get(name, 0)
        self._shards[name] = number + 1
        return number


def write_last_reports() -> None:
    """Write the reports that came too soon after those before them: an entrypoint may end at any step."""
    for uri in [*_unwritten]:
        if (report := _unwritten.pop(uri, None)) is not None:
            write_progress(uri, *report)


# For training code that no strategy runs: by hand, or in a process that the entrypoint started.
atexit.register(write_last_reports)


def current() -> Run:
    """The run that this process takes part in.

    Outside of Penstock, as in `python train.py`, it is a run of one worker that writes to `./penstock-run`.
    """
    handed = os.environ.get(ATTEMPT_VARIABLE)
    if handed is not None:
        spec = AttemptSpec.model_validate_json(handed)
    else:
        here = os.getcwd()  # noqa: PTH109 - a URI, not a path
        spec = AttemptSpec(
            namespace="default",
            name="local",
            uid="local",
            attempt=1,
            run="local-1",
            run_uri=f"{here}/penstock-run",
            source=AttemptSource(path=here),
            entrypoint="train.py",
        )
    return Run(spec, int(os.environ.get(RANK_VARIABLE, "0")), int(os.environ.get(WORLD_SIZE_VARIABLE, "1")))
