"""Feast: configuration, registry objects, writing and reading."""
