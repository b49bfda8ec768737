"""Materialization: runs carried through gates into serving."""
