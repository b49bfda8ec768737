"""Vectors in memory: the exact answer that an index is measured against, and an index built from a run."""
