"""Read a run: its manifest, and its outputs as streams."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pydantic import ValidationError

from penstock.rundir import storage
from penstock.rundir.digests import digest_chunks
from penstock.rundir.errors import DigestMismatch, ManifestFromFuture, ManifestInvalid, ManifestMissing, RunDirError
from penstock.rundir.manifest import MANIFEST, SCHEMA_VERSION, Manifest, OutputManifest

if TYPE_CHECKING:
    import pyarrow as pa


def read_manifest(run_uri: str) -> Manifest:
    """The manifest of a run, checked.

    Raises:
        ManifestMissing: the run is not complete.
        ManifestInvalid: the file is corrupt.
        ManifestFromFuture: a newer Penstock wrote it.
        DigestMismatch: it was altered.
    """
    where = storage.join(run_uri, MANIFEST)
    try:
        content = storage.read_bytes(where)
    except FileNotFoundError:
        raise ManifestMissing(
            f"{where} is not there: the run is not complete; look at the log of its attempt"
        ) from None
    try:
        document = json.loads(content)
    except ValueError as error:
        raise ManifestInvalid(f"{where} is not JSON ({error}): run the job again") from None
    version = document.get("schemaVersion") if isinstance(document, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise ManifestFromFuture(
            f"{where} has schema version {version}, and this Penstock reads up to {SCHEMA_VERSION}: upgrade it"
        )
    try:
        manifest = Manifest.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise ManifestInvalid(f"{where}: {field or 'document'}: {first['msg']}: run the job again") from None
    manifest.check(where)
    return manifest


def verify_files(run_uri: str, output: OutputManifest) -> None:
    """Read every file of an output again and compare its digest.

    Raises:
        RunDirError: a file is gone.
        DigestMismatch: a file is not what the manifest says.
    """
    for file in output.files:
        where = storage.join(run_uri, file.path)
        try:
            found = digest_chunks(storage.read_chunks(where))
        except FileNotFoundError:
            raise RunDirError(f"{where} is gone, and the manifest names it: run the job again") from None
        if found != file.digest:
            raise DigestMismatch(f"{where} is not what the manifest says: it was altered or cut short; run again")


def iter_batches(
    run_uri: str, output: OutputManifest, columns: Sequence[str] | None = None, batch_rows: int = 8192
) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet output, a bounded batch at a time.

    Raises:
        RunDirError: a file is gone or is not Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    for file in output.files:
        where = storage.join(run_uri, file.path)
        try:
            with storage.open_file(where) as opened, pq.ParquetFile(opened) as parquet:
                yield from parquet.iter_batches(batch_size=batch_rows, columns=columns)
        except FileNotFoundError:
            raise RunDirError(f"{where} is gone, and the manifest names it: run the job again") from None
        except pa.ArrowInvalid as error:
            raise RunDirError(f"{where} is not readable Parquet ({error}): run the job again") from None
