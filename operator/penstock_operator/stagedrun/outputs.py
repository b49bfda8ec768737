"""What a staging will make in the stores: it stands in the status before anything is made. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.api.meta import DeletionPolicy
from penstock.api.stagedrun import StagedKind, StagedOutput, StagedRun
from penstock.naming import physical_name


def planned_outputs(staged: StagedRun, policies: Mapping[tuple[StagedKind, str], DeletionPolicy]) -> list[StagedOutput]:
    """One for each target, with a physical name of the StagedRun's own."""

    def planned(output: str, kind: StagedKind, resource: str, store: str, encoder: str | None = None) -> StagedOutput:
        return StagedOutput(
            output=output,
            kind=kind,
            resource=resource,
            store=store,
            physical=physical_name(resource, staged.spec.training_run_ref.name, staged.metadata.uid),
            encoder=encoder,
            retain=policies.get((kind, resource)) is DeletionPolicy.RETAIN,
        )

    views = [
        planned(view.output, "Features", view.feature_view_ref.name, view.store_ref.name)
        for view in staged.spec.features
    ]
    collections = [
        planned(one.output, "Embeddings", one.vector_collection_ref.name, one.store_ref.name, one.encoder)
        for one in staged.spec.vectors
    ]
    return [*views, *collections]
