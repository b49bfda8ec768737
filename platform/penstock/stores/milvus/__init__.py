"""Milvus: connections, collections, aliases, search."""
