"""Stage one run: contract, scan, load, verify, gates, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Literal

from penstock.api.gates import GateResult, GateType
from penstock.api.stagedrun import StagedOutput
from penstock.api.trainingjob import OutputKind
from penstock.handoff import CollectionTarget, StagingReport, StagingSpec, ViewTarget
from penstock.materialize.columns import present, types_of
from penstock.materialize.contract import active_manifest, check_contract
from penstock.materialize.errors import InvalidOutput
from penstock.materialize.gates.evaluate import Evidence, evaluate
from penstock.materialize.scan import Scan, scan_embeddings, scan_features
from penstock.materialize.stage import Place, load, place
from penstock.materialize.verify import CollectionCheck, verify_view
from penstock.rundir import storage
from penstock.rundir.manifest import Manifest, OutputManifest
from penstock.stores.milvus.client import connect
from penstock.stores.milvus.reader import MilvusReader
from penstock.stores.milvus.writer import MilvusWriter

REPORT = "report.json"


def run_staging(spec: StagingSpec) -> StagingReport:
    """Carry the run as far as it goes, and write the report last.

    Raises:
        FeaturesError, VectorsError, VerificationFailed, StoreError, RunDirError: a store failed, or a file was lost on
            the way; the staging may be tried again.
    """
    try:
        report = _stage(spec)
    except InvalidOutput as error:
        report = StagingReport(run=spec.run, outcome="Invalid", message=str(error))
    storage.replace(storage.join(spec.stage_uri, REPORT), report.model_dump_json(by_alias=True).encode())
    return report


def _stage(spec: StagingSpec) -> StagingReport:
    manifest = check_contract(spec)
    scans = _scans(spec, spec.run_uri, manifest)
    load(spec, manifest, scans)
    outputs = [_staged_view(spec, view, manifest, scans) for view in spec.features]
    checks: dict[str, list[CollectionCheck]] = {}
    with ExitStack() as clients:
        for target in spec.vectors:
            client = clients.enter_context(connect(target.connection))
            writer = MilvusWriter(client, target)
            fields = {field.name: field.type for field in target.scalar_fields}
            reader = MilvusReader(client, target.connection, target.collection, target.metric, fields, fresh=True)
            check = CollectionCheck(spec, writer, reader, target, _named(manifest, target.output))
            outputs.append(_staged_collection(target, manifest, check))
            checks.setdefault(target.output, []).append(check)
        active, lost = _active_scans(spec)
        evidence = Evidence(
            metrics=manifest.metrics,
            scans=_by_output(scans),
            search=lambda output, ids, k: _found_in_all([check.neighbours(ids, k) for check in checks[output]]),
            recall=lambda output, k, sample: min(check.recall(k, sample) for check in checks[output]),
            active=active,
            lost=lost,
        )
        gates = evaluate(spec.gates, evidence)
    return _report(spec, outputs, gates)


def _staged_view(spec: StagingSpec, view: ViewTarget, manifest: Manifest, scans: Mapping[Place, Scan]) -> StagedOutput:
    scan = scans[place(view)]
    verify_view(spec, view, _named(manifest, view.output), scan)
    return StagedOutput(
        output=view.output,
        kind="Features",
        resource=view.resource,
        store=view.store,
        physical=view.view,
        rows=scan.rows,
    )


def _staged_collection(target: CollectionTarget, manifest: Manifest, check: CollectionCheck) -> StagedOutput:
    encoder = manifest.output(target.encoder) if target.encoder is not None else None
    check.check_count()
    index, recall = check.choose_index()
    return StagedOutput(
        output=target.output,
        kind="Embeddings",
        resource=target.resource,
        store=target.store,
        physical=target.collection,
        rows=_named(manifest, target.output).rows,
        dimension=target.dimension,
        recall=recall,
        index=str(index),
        metric=target.metric,
        serving=target.serving,
        encoder=target.encoder,
        encoder_digest=encoder.digest if encoder is not None else None,
    )


def _found_in_all(found: Sequence[list[list[Any]]]) -> list[list[Any]]:
    """Of each query what every collection of an output gives."""
    first, *others = found
    return [[id_ for id_ in ids if all(id_ in other[query] for other in others)] for query, ids in enumerate(first)]


def _report(spec: StagingSpec, outputs: list[StagedOutput], gates: list[GateResult]) -> StagingReport:
    failed = [gate for gate in gates if not gate.passed]
    outcome: Literal["Staged", "Rejected"] = "Rejected" if failed else "Staged"
    told = "; ".join(f"gate {gate.name}: {gate.message} (bound {gate.bound or 'none'})" for gate in failed)
    message = f"Run {spec.run} is refused by {told}" if failed else ""
    return StagingReport(run=spec.run, outcome=outcome, message=message, outputs=outputs, gates=gates)


def _scans(spec: StagingSpec, run_uri: str, manifest: Manifest) -> dict[Place, Scan]:
    """Scans of the columns that are there: the active run may be older than a column of the spec."""
    scans: dict[Place, Scan] = {}
    for view in spec.features:
        output = manifest.output(view.output)
        if output is not None and output.kind is OutputKind.FEATURES:
            types = present(output, types_of(view))
            features = {field.name for field in view.features}
            keys = {name: type_ for name, type_ in types.items() if name not in features}
            columns = {name: type_ for name, type_ in types.items() if name in features}
            times = [column.name for column in output.columns if column.name == view.timestamp_field]
            scans[place(view)] = scan_features(run_uri, output, keys, columns, times)
    for target in spec.vectors:
        output = manifest.output(target.output)
        if output is not None and output.kind is OutputKind.EMBEDDINGS:
            types = present(output, types_of(target, output))
            scans[place(target)] = scan_embeddings(run_uri, output, output.dimension or target.dimension, types)
    return scans


def _by_output(scans: Mapping[Place, Scan]) -> dict[str, Scan]:
    """What is known of each output, all the places together that it goes to."""
    found: dict[str, Scan] = {}
    for (output, _), scan in scans.items():
        found[output] = found[output].joined(scan) if output in found else scan
    return found


def _active_scans(spec: StagingSpec) -> tuple[dict[str, Scan], str]:
    """Scans of the active run, where a gate compares with it; or why they cannot be had."""
    compares = any(gate.type in (GateType.POPULATION_STABILITY, GateType.CENTROID_SHIFT) for gate in spec.gates)
    if spec.baseline is None or not compares:
        return {}, ""
    manifest = active_manifest(spec)
    if manifest is None:
        return {}, f"the manifest of the active run {spec.baseline.run} cannot be read"
    try:
        return _by_output(_scans(spec, spec.baseline.uri, manifest)), ""
    except InvalidOutput as error:
        return {}, str(error)


def _named(manifest: Manifest, name: str) -> OutputManifest:
    output = manifest.output(name)
    assert output is not None
    return output
