"""The manifest: written last, and that write is the commit of a run."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from pydantic import Field

from penstock.api.meta import StatusModel
from penstock.api.trainingjob import OutputKind
from penstock.api.views import Metric
from penstock.rundir.digests import digest_json
from penstock.rundir.errors import DigestMismatch

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1


class ColumnManifest(StatusModel):
    """A column of an output."""

    name: str
    type: str = Field(description="The Arrow type, as Arrow prints it.")
    nullable: bool = True


class FileManifest(StatusModel):
    """A file of an output."""

    path: str = Field(description="Relative to the run directory.")
    bytes: int
    rows: int | None = None
    digest: str


class EncoderManifest(StatusModel):
    """What an encoder takes and gives."""

    input: str = Field(description="Name of the input.")
    shape: list[int] = Field(description="Shape of one input, without the batch axis.")
    dtype: str = Field(description="NumPy name of the input's type.")
    output: str = Field(description="Name of the output.")
    dimension: int
    opset: int


class OutputManifest(StatusModel):
    """One output of a run."""

    name: str
    kind: OutputKind
    format: str = Field(description="parquet, onnx, safetensors, …")
    rows: int = 0
    columns: list[ColumnManifest] = Field(default_factory=list)
    dimension: int | None = None
    metric: Metric | None = None
    normalized: bool | None = Field(None, description="Whether every vector has length one.")
    encoder: EncoderManifest | None = None
    entity_keys: list[str] = Field(default_factory=list)
    timestamp_field: str | None = None
    files: list[FileManifest] = Field(default_factory=list)
    digest: str = Field("", description="Digest of the list of files with their digests.")

    def files_digest(self) -> str:
        """The digest that `digest` must equal."""
        return digest_json([[file.path, file.digest] for file in sorted(self.files, key=lambda file: file.path)])


class Manifest(StatusModel):
    """What a run made, and of what."""

    UNSIGNED: ClassVar[set[str]] = {"digest"}

    schema_version: int = SCHEMA_VERSION
    namespace: str
    job: str
    uid: str
    attempt: int
    run: str
    entrypoint: str | None = Field(None, description="The Python file that ran, relative to the source.")
    entrypoint_digest: str
    source_revision: str | None = Field(None, description="The commit, or the digest of the archive, of the code.")
    resumed_from: str | None = Field(None, description="The run whose checkpoint it went on from.")
    packages: dict[str, str] = Field(default_factory=dict)
    params: dict[str, str] = Field(default_factory=dict)
    metrics: dict[str, float] = Field(default_factory=dict)
    created_at: datetime
    outputs: list[OutputManifest] = Field(default_factory=list)
    digest: str = Field("", description="Digest of everything else in the manifest.")

    def content(self) -> dict[str, Any]:
        """Everything that the digest covers, as on the wire."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=self.UNSIGNED)

    def signed(self) -> Manifest:
        """The manifest with its digest."""
        return self.model_copy(update={"digest": digest_json(self.content())})

    def output(self, name: str) -> OutputManifest | None:
        """The output of this name, or None."""
        return next((output for output in self.outputs if output.name == name), None)

    def check(self, where: str) -> None:
        """Check the digests of the manifest itself and of its lists of files.

        Raises:
            DigestMismatch: one of them is not what it should be.
        """
        if self.digest != digest_json(self.content()):
            raise DigestMismatch(f"{where}: the digest does not fit the content: the file was altered; run again")
        for output in self.outputs:
            if output.digest != output.files_digest():
                raise DigestMismatch(f"{where}: output {output.name!r}: the digest does not fit its files; run again")
