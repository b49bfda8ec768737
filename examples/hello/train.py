"""The smallest job with every output: rows with a feature and an embedding."""

import numpy as np

import penstock.train

run = penstock.train.current()
rows = run.params.int("rows", 100)
vectors = np.random.default_rng(0).normal(size=(rows, 8)).astype(np.float32)
ids = np.arange(rows)

run.write_features("features", {"id": ids, "length": np.linalg.norm(vectors, axis=1)}, entity_keys=["id"])
run.write_embeddings("embeddings", ids, vectors, metric="L2", even=ids % 2 == 0)
run.report(1, total=1, rows=rows)
