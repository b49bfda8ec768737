"""A run directory as an entrypoint that ends well leaves it, without an entrypoint."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from penstock.handoff import ATTEMPT_VARIABLE, AttemptSpec
from penstock.rundir import storage
from penstock.rundir.manifest import MANIFEST, Manifest, OutputManifest


def spec_of(env: dict[str, str]) -> AttemptSpec:
    """The attempt that the variables of a Ray job are of."""
    return AttemptSpec.model_validate_json(env[ATTEMPT_VARIABLE])


def write_manifest(spec: AttemptSpec, outputs: Sequence[OutputManifest] = ()) -> None:
    """Commit the run, with outputs whose digests need not be set."""
    manifest = Manifest(
        namespace=spec.namespace,
        job=spec.name,
        uid=spec.uid,
        attempt=spec.attempt,
        run=spec.run,
        entrypoint_digest="sha256:0",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        outputs=[output.model_copy(update={"digest": output.files_digest()}) for output in outputs],
    ).signed()
    content = manifest.model_dump_json(by_alias=True, exclude_none=True).encode()
    storage.replace(storage.join(spec.run_uri, MANIFEST), content)
