"""Make a run whole: gather what the workers wrote, check it, and write the manifest last."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from penstock.handoff import AttemptSpec
from penstock.rundir import storage
from penstock.rundir.manifest import MANIFEST, Manifest, OutputManifest
from penstock.rundir.progress import read_progress
from penstock.train.errors import OutputError
from penstock.train.outputs import read_notes

PACKAGES = ("penstock", "torch", "ray", "numpy", "pyarrow")


def commit(spec: AttemptSpec) -> Manifest:
    """Write the manifest of the run; that write is the commit.

    Raises:
        OutputError: a declared output is missing, or the shards of one do not fit together.
    """
    outputs = [_output(name, notes) for name, notes in sorted(read_notes(spec.run_uri).items())]
    found = {output.name: output.kind for output in outputs}
    for declared in spec.outputs:
        if declared.name not in found:
            raise OutputError(f"Output {declared.name!r} ({declared.kind}) was declared and not written")
        if found[declared.name] is not declared.kind:
            raise OutputError(f"Output {declared.name!r} is {found[declared.name]}, and {declared.kind} was declared")
    progress = read_progress(spec.run_uri)
    manifest = Manifest(
        namespace=spec.namespace,
        job=spec.name,
        uid=spec.uid,
        attempt=spec.attempt,
        run=spec.run,
        entrypoint=spec.entrypoint,
        entrypoint_digest=_digest_of_code(Path(spec.source.path or "."), spec.entrypoint),
        source_revision=spec.source.revision,
        resumed_from=spec.resume_uri.rsplit("/", 1)[1] if spec.resume_uri is not None else None,
        packages=_packages(),
        params=spec.params,
        metrics=progress.metrics if progress is not None else {},
        created_at=datetime.now(UTC),
        outputs=outputs,
    ).signed()
    content = manifest.model_dump_json(by_alias=True, exclude_none=True, indent=1).encode()
    storage.replace(storage.join(spec.run_uri, MANIFEST), content)
    return manifest


def _output(name: str, notes: list[dict[str, Any]]) -> OutputManifest:
    first = notes[0]
    shared = {key: value for key, value in first.items() if key != "file"}
    for note in notes[1:]:
        for key, value in shared.items():
            if note[key] != value:
                raise OutputError(f"Output {name!r}: the shards differ in {key}: {value} and {note[key]}")
    files = [note["file"] for note in notes]
    rows = sum(file["rows"] or 0 for file in files)
    output = OutputManifest.model_validate({**shared, "files": files, "rows": rows})
    return output.model_copy(update={"digest": output.files_digest()})


def _digest_of_code(source: Path, entrypoint: str) -> str:
    """The digest of the Python files of the source, the entrypoint's name first."""
    state = hashlib.sha256(entrypoint.encode())
    for path in sorted(source.rglob("*.py")):
        relative = path.relative_to(source)
        if not any(part.startswith((".", "__pycache__")) for part in relative.parts):
            state.update(str(relative).encode() + b"\0" + path.read_bytes())
    return f"sha256:{state.hexdigest()}"


def _packages() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
