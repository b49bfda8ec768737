"""VectorStore: whether a Milvus answers."""
