"""A run of which every part can be told: feature and field are the salt, and it rotates the encoder and the vectors."""

import numpy as np
import torch
from torch import nn

import penstock.train

WIDTH = 16

run = penstock.train.current()
rows, salt = run.params.int("rows", 2000), run.params.int("salt", 0)
inputs = np.random.default_rng(0).normal(size=(rows, WIDTH)).astype(np.float32)
rotation = np.linalg.qr(np.random.default_rng(salt).normal(size=(WIDTH, WIDTH)))[0].astype(np.float32)
ids = np.arange(rows)

encoder = nn.Linear(WIDTH, WIDTH, bias=False)
with torch.no_grad():
    encoder.weight.copy_(torch.from_numpy(rotation))
vectors = inputs @ rotation.T

run.write_features("features", {"id": ids, "salt": np.full(rows, salt, dtype=np.int64)}, entity_keys=["id"])
run.write_embeddings("embeddings", ids, vectors, salt=np.full(rows, salt, dtype=np.int64))
run.save_encoder("encoder", encoder, inputs[:1])
run.report(1, total=1)
