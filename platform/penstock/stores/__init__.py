"""Readers and writers of the stores that serve features and vectors."""
