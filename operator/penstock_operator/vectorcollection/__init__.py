"""VectorCollection: a stable Milvus alias in front of one collection for each run."""
