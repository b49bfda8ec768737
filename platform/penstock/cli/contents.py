"""The text of `penstock describe` for a Secret or a ConfigMap. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime

from penstock.api import Resource
from penstock.cli.description import metadata
from penstock.client.core import ConfigMap, Secret


def contents(resource: Resource, now: datetime | None = None) -> str:
    """What it holds; of a Secret, how much."""
    parts = [metadata(resource, now or datetime.now(UTC))]
    if isinstance(resource, Secret):
        parts += [f"{'Type:':<13} {resource.type}", _sizes("Data", resource.data)]
    if isinstance(resource, ConfigMap):
        parts += [_values(resource.data), _sizes("Binary Data", resource.binary_data)]
    return "\n".join(parts)


def _sizes(title: str, data: Mapping[str, str]) -> str:
    lines = [f"  {name + ':':<11} {_bytes(value)}" for name, value in sorted(data.items())]
    return "\n".join([f"{title}:", *lines]) if lines else f"{title + ':':<13} <none>"


def _values(data: Mapping[str, str]) -> str:
    lines = [line for name, value in sorted(data.items()) for line in (f"  {name}:", *_indented(value))]
    return "\n".join(["Data:", *lines]) if lines else f"{'Data:':<13} <none>"


def _indented(value: str) -> list[str]:
    return [f"    {line}" for line in value.splitlines()]


def _bytes(value: str) -> str:
    try:
        size = len(base64.b64decode(value, validate=True))
    except binascii.Error:
        return "not base64"
    return f"{size} byte{'' if size == 1 else 's'}"
