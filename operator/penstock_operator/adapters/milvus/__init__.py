"""Milvus: public names, the end of collections, and the port over all of it."""
