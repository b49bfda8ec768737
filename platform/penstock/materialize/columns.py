"""The columns of an output that are staged, in the one form that scan, writers and checks get them in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from penstock.columns.arrow import canonical
from penstock.columns.table import ValueType, fits, id_type
from penstock.handoff import CollectionTarget, ViewTarget
from penstock.rundir.manifest import OutputManifest
from penstock.rundir.read import iter_batches


def types_of(target: ViewTarget | CollectionTarget, output: OutputManifest | None = None) -> dict[str, ValueType]:
    """The columns that go to a view or collection, and their types; `id` has that of the output."""
    if isinstance(target, ViewTarget):
        return {field.name: field.type for field in (*target.entities, *target.features)}
    types = {field.name: field.type for field in target.scalar_fields}
    written = {column.name: column.type for column in output.columns} if output is not None else {}
    id_ = id_type(written.get("id", ""))
    return types if id_ is None else {"id": id_} | types


def present(output: OutputManifest, types: Mapping[str, ValueType]) -> dict[str, ValueType]:
    """Those that the output has in a type that fits: an older run may have been written for another spec."""
    written = {column.name: column.type for column in output.columns}
    return {name: type_ for name, type_ in types.items() if name in written and fits(written[name], type_)}


def typed_batches(
    run_uri: str,
    output: OutputManifest,
    types: Mapping[str, ValueType],
    others: Sequence[str] = (),
    batch_rows: int = 8192,
) -> Iterator[pa.RecordBatch]:
    """The rows of an output: the typed columns, in their order, then the others as they were written.

    Raises:
        RunDirError: a file is gone or is not Parquet.
    """
    names = list(dict.fromkeys([*types, *others]))
    for batch in iter_batches(run_uri, output, names, batch_rows):
        yield canonical(batch.select(names), types)
