"""Encoders of queries, as ONNX."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from penstock.api.trainingjob import OutputKind
from penstock.rundir import storage
from penstock.rundir.digests import digest_chunks
from penstock.train.errors import OutputError
from penstock.train.outputs import OUTPUTS, write_note

OPSET = 17
INPUT, OUTPUT = "input", "embedding"


def write_encoder(run_uri: str, name: str, module: Any, example: Any) -> None:
    """Write the model, then the note with its input, output and dimension."""
    content = module if isinstance(module, bytes) else _export(module, example)
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model)
    given, made = model.graph.input[0], model.graph.output[0]
    # Exporters often leave the dimension symbolic, so it is measured.
    (vectors, *_) = ReferenceEvaluator(model).run(None, {given.name: np.asarray(example)})
    if vectors.ndim != 2:
        raise OutputError(f"Encoder {name!r} gives shape {vectors.shape}; [batch, dimension] is needed")
    dimension = int(vectors.shape[1])
    path = f"{OUTPUTS}/{name}/encoder.onnx"
    storage.replace(storage.join(run_uri, path), content)
    encoder = {
        "input": given.name,
        "shape": [axis.dim_value for axis in given.type.tensor_type.shape.dim][1:],
        "dtype": np.dtype(onnx.helper.tensor_dtype_to_np_dtype(given.type.tensor_type.elem_type)).name,
        "output": made.name,
        "dimension": dimension,
        "opset": model.opset_import[0].version,
    }
    file = {"path": path, "bytes": len(content), "rows": None, "digest": digest_chunks([content])}
    note = {"kind": OutputKind.ENCODER, "format": "onnx", "encoder": encoder, "dimension": dimension, "file": file}
    write_note(run_uri, name, "00000-00000", note)


def _export(module: Any, example: Any) -> bytes:
    import torch

    buffer = io.BytesIO()
    was_training = module.training
    module.eval()
    try:
        torch.onnx.export(
            module,
            (torch.as_tensor(example),),
            buffer,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
    finally:
        module.train(was_training)
    return buffer.getvalue()
