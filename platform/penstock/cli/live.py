"""What `penstock run` prints at the end: what is live, and what to try next. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.api import FeatureView, Materialization, StagedRun, TrainingJob, TrainingRun, VectorCollection
from penstock.api.materialization import Promotion
from penstock.api.stagedrun import StagedOutput
from penstock.cli.output import cell, columns


def job_report(job: TrainingJob, run: TrainingRun | None) -> str:
    """A job's newest run and its metrics."""
    if run is None:
        return f"trainingjob/{job.metadata.name}: no run"
    metrics = "".join(f"\n  metric {metric.name} = {float(metric.value):.4g}" for metric in run.spec.metrics)
    return f"trainingjob/{job.metadata.name}: run {run.metadata.name}{metrics}"


def materialization_report(mat: Materialization, staged: StagedRun | None) -> str:
    """What a materialization serves, past which gates."""
    name, live = f"materialization/{mat.metadata.name}", mat.status.active
    if live is None:
        waits = mat.spec.promotion is Promotion.MANUAL
        return f"{name}: nothing is live" + (f"; `penstock promote {mat.metadata.name}` serves it" if waits else "")
    rows = [
        [_kind(output), output.resource, output.physical, output.rows, output.dimension, output.index, output.recall]
        for output in live.outputs
    ]
    lines = columns(["Kind", "Name", "Physical", "Rows", "Dimension", "Index", "Recall"], rows).splitlines()
    for gate in staged.status.gates if staged is not None else ():
        verdict = "passed" if gate.passed else "failed"
        value = f" value {cell(gate.value)}" if gate.value is not None else ""
        lines.append(f"gate {gate.name}: {verdict}{value}, bound {gate.bound}")
    return "\n".join([f"{name}: run {live.run} is live", *(f"  {line}" for line in lines)])


def next_commands(
    mats: Sequence[Materialization],
    views: Sequence[FeatureView],
    collections: Sequence[VectorCollection],
    flags: str = "",
) -> list[str]:
    """Three commands that go on from here."""
    commands = []
    outputs = [o for mat in mats if mat.status.active is not None for o in mat.status.active.outputs]
    for view in views:
        if any(output.resource == view.metadata.name and output.kind == "Features" for output in outputs):
            keys = " ".join(f"{e.name}={e.type.row.example}" for e in view.spec.entities)
            commands.append(f"penstock query features {view.metadata.name} {keys}{flags}")
            break
    for collection in collections:
        found = next((o for o in outputs if o.resource == collection.metadata.name and o.kind == "Embeddings"), None)
        if found is not None:
            query = "--input @INPUT.json" if found.encoder else "--vector @VECTOR.json"
            commands.append(f"penstock query vectors {collection.metadata.name} {query}{flags}")
            break
    described = [f"penstock describe materialization/{mat.metadata.name}{flags}" for mat in mats[:1]]
    return [*commands, *described, f"penstock get all{flags}", f"penstock get all -o wide{flags}"][:3]


def _kind(output: StagedOutput) -> str:
    return "view" if output.kind == "Features" else "collection"
