"""The encoder of queries: the one that made the vectors which are searched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime

from penstock.gateway.errors import InvalidQuery
from penstock.rundir import storage
from penstock.rundir.manifest import OutputManifest
from penstock.rundir.read import verify_files


class Encoder:
    """An ONNX model of a run, under ONNX Runtime."""

    def __init__(self, run_uri: str, output: OutputManifest) -> None:
        """Load the model, its digest checked.

        Raises:
            RunDirError: the file is gone or was altered.
        """
        assert output.encoder is not None
        verify_files(run_uri, output)
        options = onnxruntime.SessionOptions()
        # Queries are small and many: they are spread over threads, not each over all of them.
        options.intra_op_num_threads = 1
        content = storage.read_bytes(storage.join(run_uri, output.files[0].path))
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self.about = output.encoder
        self.digest = output.digest

    def encode(self, inputs: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """`[inputs, dimension]` vectors.

        Raises:
            InvalidQuery: an input is not of the encoder's shape and type.
        """
        shape = tuple(self.about.shape)
        rows = [self._array(number, one, shape) for number, one in enumerate(inputs)]
        for number, row in enumerate(rows):
            if row.shape != rows[0].shape:
                raise InvalidQuery(
                    f"inputs[{number}] has shape {list(row.shape)}, and inputs[0] {list(rows[0].shape)}: "
                    "send those of one shape together"
                )
        (vectors, *_) = self._session.run([self.about.output], {self.about.input: np.stack(rows)})
        return np.asarray(vectors, dtype=np.float32)

    def _array(self, number: int, one: Any, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        where = f"inputs[{number}]"
        try:
            with np.errstate(over="ignore"):
                array = np.asarray(one, dtype=self.about.dtype)
        except (ValueError, TypeError, OverflowError) as error:
            raise InvalidQuery(f"{where} is not an array of {self.about.dtype}: {error}") from error
        # An axis of unknown length stands as 0 in the manifest.
        fits = len(array.shape) == len(shape) and all(
            want in (0, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if not fits:
            raise InvalidQuery(f"{where} has shape {list(array.shape)}: the encoder takes {list(shape)}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InvalidQuery(f"{where} holds a number that is not finite")
        return array
