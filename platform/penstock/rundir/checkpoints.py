"""Checkpoints: a folder a step, with a marker written last."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.rundir import storage
from penstock.rundir.errors import CheckpointInvalid

FOLDER = "checkpoints"
COMPLETE = ".complete"


def write_checkpoint(run_uri: str, step: int, files: Mapping[str, bytes], keep: int) -> None:
    """Write the files of a step, mark them complete, and drop the oldest steps beyond `keep`.

    Raises:
        CheckpointInvalid: the step is negative, or a name is none of a file in one folder.
    """
    if step < 0:
        raise CheckpointInvalid(f"Checkpoint of step {step}: a step counts from 0")
    for name in files:
        if "/" in name or name in ("", ".", "..", COMPLETE):
            raise CheckpointInvalid(
                f"Checkpoint of step {step}: {name!r} is no name of a file in it: use one such as state.pt"
            )
    where = storage.join(run_uri, FOLDER, str(step))
    if storage.exists(where):
        # Of an earlier try at the step: old and new files are never whole together.
        storage.delete_tree(where)
    for name, content in files.items():
        storage.replace(storage.join(where, name), content)
    storage.replace(storage.join(where, COMPLETE), b"")
    for old in complete_steps(run_uri)[:-keep]:
        storage.delete_tree(storage.join(run_uri, FOLDER, str(old)))


def read_checkpoint(run_uri: str) -> tuple[int, dict[str, bytes]] | None:
    """The newest complete step and its files."""
    steps = complete_steps(run_uri)
    if not steps:
        return None
    where = storage.join(run_uri, FOLDER, str(steps[-1]))
    names = [name for name in storage.names(where) if name != COMPLETE]
    return steps[-1], {name: storage.read_bytes(storage.join(where, name)) for name in names}


def complete_steps(run_uri: str) -> list[int]:
    """The steps whose checkpoints are whole, the newest last."""
    root = storage.join(run_uri, FOLDER)
    steps = sorted(int(name) for name in storage.names(root) if name.isdigit())
    return [step for step in steps if storage.is_file(storage.join(root, str(step), COMPLETE))]
