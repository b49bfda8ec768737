"""What a staging will make in the stores: it stands in the status before anything is made. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.api.materialization import MaterializationSpec, MaterializationStatus, StagedKind, StagedOutput
from penstock.api.views import FeatureView, VectorCollection
from penstock.naming import collection_name, view_name
from penstock_operator.materialization.observed import Targets


def planned_outputs(
    spec: MaterializationSpec, status: MaterializationStatus, targets: Targets, run: str, revision: int
) -> list[StagedOutput]:
    """One for each mapping, with a physical name of the staging's own."""
    digests = {(one.kind, one.resource): one.spec_digest for one in status.targets}

    def planned(
        output: str, kind: StagedKind, target: FeatureView | VectorCollection, physical: str, encoder: str | None = None
    ) -> StagedOutput:
        name = target.metadata.name
        return StagedOutput(
            output=output,
            kind=kind,
            resource=name,
            store=target.spec.store_ref.name,
            physical=physical,
            encoder=encoder,
            spec_digest=digests[kind, name],
        )

    views = [(mapping, targets.views[mapping.feature_view_ref.name]) for mapping in spec.features]
    collections = [(mapping, targets.collections[mapping.vector_collection_ref.name]) for mapping in spec.vectors]
    return [
        *(
            planned(mapping.output, "Features", view, view_name(view.metadata.name, run, revision))
            for mapping, view in views
        ),
        *(
            planned(
                mapping.output,
                "Embeddings",
                collection,
                collection_name(collection.metadata.name, run, revision),
                mapping.encoder,
            )
            for mapping, collection in collections
        ),
    ]


def reported_outputs(reported: Sequence[StagedOutput], planned: Sequence[StagedOutput]) -> list[StagedOutput]:
    """What a staging says that it made, with the digests of what it was recorded for."""
    digests = {(one.kind, one.resource): one.spec_digest for one in planned}
    return [one.model_copy(update={"spec_digest": digests.get((one.kind, one.resource), "")}) for one in reported]
