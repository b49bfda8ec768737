"""Digests of bytes and of JSON documents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any


def digest_chunks(chunks: Iterable[bytes]) -> str:
    """`sha256:` and the digest of the chunks, one after the other."""
    state = hashlib.sha256()
    for chunk in chunks:
        state.update(chunk)
    return f"sha256:{state.hexdigest()}"


def digest_json(document: Any) -> str:
    """The digest of a document in canonical form: sorted keys, no spaces."""
    return digest_chunks([json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()])
