"""Entities that a run surely wrote: where the store knows none of them, its data is gone.

A store of keys and values, such as Redis, tells "no such entity" and "no such view" alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.rundir.manifest import OutputManifest
from penstock.rundir.read import iter_batches

MOST = 8
EXPIRY = "key_ttl_seconds"
"""Of Redis: what it let go of by itself has outlived its time, and is not gone."""


def witnesses(
    config: Mapping[str, Any], run_uri: str, output: OutputManifest, keys: Sequence[str]
) -> tuple[Mapping[str, Any], ...]:
    """The first entities of an output; none where the store may rightly know none of them.

    Raises:
        RunDirError: the files of the run are gone.
    """
    if (config.get("online_store") or {}).get(EXPIRY):
        return ()
    for batch in iter_batches(run_uri, output, list(keys)):
        found = [row for row in batch.slice(0, MOST).to_pylist() if None not in row.values()]
        if found:
            return tuple(found)
    return ()
