"""Whether a run's outputs are what the views and collections expect. Reads the manifest and digests, no rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.api.trainingjob import OutputKind
from penstock.api.views import NamedField
from penstock.columns.table import ValueType, fits, id_type
from penstock.handoff import CollectionTarget, StagingSpec, ViewTarget
from penstock.materialize.columns import types_of
from penstock.materialize.errors import InvalidOutput
from penstock.rundir.errors import RunDirError
from penstock.rundir.manifest import Manifest, OutputManifest
from penstock.rundir.read import read_manifest, verify_files


def active_manifest(spec: StagingSpec) -> Manifest | None:
    """The manifest of the run that serves now; None where none does, or where its directory is lost.

    A lost directory is no fault of the new run, which alone can mend it. The gates that compare say so.
    """
    if spec.baseline is None:
        return None
    try:
        return read_manifest(spec.baseline.uri)
    except RunDirError:
        return None


def check_contract(spec: StagingSpec) -> Manifest:
    """The manifest of the run, once every output that is to be staged was found fit.

    Raises:
        InvalidOutput: one is not.
    """
    try:
        manifest = read_manifest(spec.run_uri)
        active = active_manifest(spec)
        for view in spec.features:
            output = _output(manifest, view.output, OutputKind.FEATURES)
            _check_view(output, view)
            _check_types(output, active, types_of(view))
            verify_files(spec.run_uri, output)
        for collection in spec.vectors:
            output = _output(manifest, collection.output, OutputKind.EMBEDDINGS)
            _check_collection(output, collection)
            _check_types(output, active, types_of(collection, output))
            verify_files(spec.run_uri, output)
            if collection.encoder is not None:
                encoder = _output(manifest, collection.encoder, OutputKind.ENCODER)
                _check_encoder(encoder, collection)
                verify_files(spec.run_uri, encoder)
    except RunDirError as error:
        raise InvalidOutput(str(error)) from error
    return manifest


def _output(manifest: Manifest, name: str, kind: OutputKind) -> OutputManifest:
    output = manifest.output(name)
    if output is None:
        known = ", ".join(found.name for found in manifest.outputs) or "none"
        raise InvalidOutput(f"Run {manifest.run} has no output {name!r}; it has {known}")
    if output.kind is not kind:
        raise InvalidOutput(f"Output {name!r} is {output.kind}, and {kind} is needed")
    if kind is not OutputKind.ENCODER and output.rows == 0:
        raise InvalidOutput(f"Output {name!r} has no rows")
    return output


def _check_view(output: OutputManifest, view: ViewTarget) -> None:
    _check_columns(output, [*view.entities, *view.features])
    types = {column.name: column.type for column in output.columns}
    if not types.get(view.timestamp_field, "").startswith("timestamp"):
        found = types.get(view.timestamp_field, "missing")
        raise InvalidOutput(f"Output {output.name!r}: column {view.timestamp_field!r} is {found}, not a timestamp")


def _check_collection(output: OutputManifest, collection: CollectionTarget) -> None:
    if output.dimension != collection.dimension:
        raise InvalidOutput(
            f"Output {output.name!r} has dimension {output.dimension}, "
            f"and VectorCollection {collection.resource!r} has {collection.dimension}"
        )
    if output.metric is not None and output.metric is not collection.metric:
        raise InvalidOutput(
            f"Output {output.name!r} was trained for {output.metric}, "
            f"and VectorCollection {collection.resource!r} compares by {collection.metric}"
        )
    _check_columns(output, collection.scalar_fields)
    types = {column.name: column.type for column in output.columns}
    if id_type(types.get("id", "")) is None:
        raise InvalidOutput(f"Output {output.name!r}: column 'id' is {types.get('id')}, not a whole number or string")


def _check_encoder(encoder: OutputManifest, collection: CollectionTarget) -> None:
    dimension = encoder.encoder.dimension if encoder.encoder is not None else None
    if dimension != collection.dimension:
        raise InvalidOutput(
            f"Encoder {encoder.name!r} gives dimension {dimension}, and its embeddings have {collection.dimension}"
        )


def _check_columns(output: OutputManifest, fields: Sequence[NamedField]) -> None:
    types = {column.name: column.type for column in output.columns}
    for field in fields:
        if field.name not in types:
            raise InvalidOutput(f"Output {output.name!r} lacks the column {field.name!r}; it has {', '.join(types)}")
        if not fits(types[field.name], field.type):
            raise InvalidOutput(
                f"Output {output.name!r}: column {field.name!r} is {types[field.name]}, not {field.type}"
            )


def _check_types(output: OutputManifest, active: Manifest | None, types: Mapping[str, ValueType]) -> None:
    """A type that changed against what is served would surprise readers in the middle of a switch."""
    before = active.output(output.name) if active is not None else None
    if before is None:
        return
    old = {column.name: column.type for column in before.columns}
    new = {column.name: column.type for column in output.columns}
    for name, type_ in types.items():
        if name in old and not fits(old[name], type_):
            raise InvalidOutput(
                f"Output {output.name!r}: column {name!r} is {new[name]}, and {old[name]} in the active run"
            )
