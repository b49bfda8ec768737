"""The views and collections that a Materialization names: a change of one is a change of what is to be staged. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from penstock.api.materialization import (
    MaterializationSpec,
    MaterializationStatus,
    RunRecord,
    StagedKind,
    Target,
)
from penstock.rundir.digests import digest_json
from penstock_operator.digest import spec_digest
from penstock_operator.materialization.observed import Targets
from penstock_operator.target import target_digest

STAGING_FIELDS = ("features", "vectors", "gates")
"""The fields of the spec that decide what staging does, beside the views and collections that it names."""
OWN = "spec.features, vectors or gates"
RESOURCES: dict[StagedKind, str] = {"Features": "FeatureView", "Embeddings": "VectorCollection"}


def note(spec: MaterializationSpec, status: MaterializationStatus, targets: Targets) -> None:
    """Remember how they are now; one that is not there counts as it was last seen."""
    known = {(one.kind, one.resource): one.spec_digest for one in status.targets} | dict(_present(targets))
    status.targets = [
        Target(kind=kind, resource=name, spec_digest=digest)
        for kind, name in _named(spec)
        if (digest := known.get((kind, name))) is not None
    ]


def staging_digest(spec: MaterializationSpec, targets: Sequence[Target]) -> str:
    """The digest of all that decides a staging: a change of it stages the newest run again."""
    named = sorted((one.kind, one.resource, one.spec_digest) for one in targets)
    return digest_json([spec_digest(spec, STAGING_FIELDS), named])


def changed(record: RunRecord, targets: Sequence[Target]) -> str:
    """What is another by now than when a run was staged, of which something is."""
    now = {(one.kind, one.resource): one.spec_digest for one in targets}
    found = [
        f"{RESOURCES[output.kind]} {output.resource!r}"
        for output in record.outputs
        if now.get((output.kind, output.resource), output.spec_digest) != output.spec_digest
    ]
    if not record.outputs:
        return f"{OWN}, or what they name,"
    return " and ".join(found) or OWN


def _named(spec: MaterializationSpec) -> Iterator[tuple[StagedKind, str]]:
    yield from (("Features", mapping.feature_view_ref.name) for mapping in spec.features)
    yield from (("Embeddings", mapping.vector_collection_ref.name) for mapping in spec.vectors)


def _present(targets: Targets) -> Iterator[tuple[tuple[StagedKind, str], str]]:
    yield from ((("Features", name), target_digest(view)) for name, view in targets.views.items())
    yield from ((("Embeddings", name), target_digest(found)) for name, found in targets.collections.items())
