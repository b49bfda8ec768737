"""What a staging will make in the stores: it stands in the status before anything is made. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from penstock.api.materialization import MaterializationSpec, MaterializationStatus, StagedKind, StagedOutput
from penstock.naming import collection_name, view_name
from penstock_operator.materialization.observed import Targets


def planned_outputs(
    spec: MaterializationSpec, status: MaterializationStatus, targets: Targets, run: str, revision: int
) -> list[StagedOutput]:
    """One for each mapping, with a physical name of the staging's own."""
    return [*_views(spec, status, targets, run, revision), *_collections(spec, status, targets, run, revision)]


def reported_outputs(reported: Sequence[StagedOutput], planned: Sequence[StagedOutput]) -> list[StagedOutput]:
    """What a staging says that it made, with the digests of what it was recorded for."""
    digests = {(one.kind, one.resource): one.spec_digest for one in planned}
    return [one.model_copy(update={"spec_digest": digests.get((one.kind, one.resource), "")}) for one in reported]


def _views(
    spec: MaterializationSpec, status: MaterializationStatus, targets: Targets, run: str, revision: int
) -> Iterator[StagedOutput]:
    for mapping in spec.features:
        name = mapping.feature_view_ref.name
        yield StagedOutput(
            output=mapping.output,
            kind="Features",
            resource=name,
            store=targets.views[name].spec.store_ref.name,
            physical=view_name(name, run, revision),
            spec_digest=_digest(status, "Features", name),
        )


def _collections(
    spec: MaterializationSpec, status: MaterializationStatus, targets: Targets, run: str, revision: int
) -> Iterator[StagedOutput]:
    for mapping in spec.vectors:
        name = mapping.vector_collection_ref.name
        yield StagedOutput(
            output=mapping.output,
            kind="Embeddings",
            resource=name,
            store=targets.collections[name].spec.store_ref.name,
            physical=collection_name(name, run, revision),
            encoder=mapping.encoder,
            spec_digest=_digest(status, "Embeddings", name),
        )


def _digest(status: MaterializationStatus, kind: StagedKind, name: str) -> str:
    return next(one.spec_digest for one in status.targets if (one.kind, one.resource) == (kind, name))
