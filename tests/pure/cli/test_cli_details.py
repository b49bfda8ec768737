"""What `penstock describe` tells of jobs, runs, materializations and stagings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from penstock.api import Materialization, StagedRun, TrainingJob, TrainingRun
from penstock.cli.description import description
from penstock.cli.details import Runs

NOW = datetime(2026, 1, 1, 1, tzinfo=UTC)
TIME = "2026-01-01T00:55:00Z"
PASSED = {"name": "rows", "passed": True, "value": 1437, "bound": ">= 1400"}
FAILED = {"name": "accurate", "passed": False, "value": 0.5, "bound": ">= 0.95", "message": "accuracy is 0.5"}
OUTPUT = {
    "output": "embeddings",
    "kind": "Embeddings",
    "resource": "digit-images",
    "store": "vectors",
    "physical": "digit_images__5f1c",
    "rows": 1437,
    "dimension": 32,
    "index": "Flat",
    "recall": 0.99,
}


def trained(run: str, served: tuple[str, ...] = (), **spec: Any) -> TrainingRun:
    return TrainingRun.model_validate(
        {
            "metadata": {"name": run},
            "spec": {
                "trainingJobRef": {"name": "digits", "uid": "j"},
                "attempt": 2,
                "uri": "file:///r",
                "manifestDigest": "sha256:0",
                "createdAt": TIME,
                "entrypoint": "train.py",
                "params": [{"name": "epochs", "value": "20"}],
                "metrics": [{"name": "accuracy", "value": "0.9777777777777777"}, {"name": "loss", "value": "inf"}],
                "outputs": [
                    {
                        "name": "features",
                        "kind": "Features",
                        "format": "parquet",
                        "rows": 1797,
                        "columns": [{"name": "ink", "type": "float"}],
                        "digest": "sha256:1",
                    }
                ],
                **spec,
            },
            "status": {"servedBy": list(served)},
        }
    )


def staged(run: str, state: str, reason: str, **status: Any) -> StagedRun:
    condition = {"type": "Ready", "status": "Unknown", "reason": reason, "lastTransitionTime": TIME}
    return StagedRun.model_validate(
        {
            "metadata": {"name": f"digits-{run}"},
            "spec": {
                "materializationRef": {"name": "digits", "uid": "m"},
                "trainingRunRef": {"name": run, "uid": "r"},
                "uri": "file:///r",
                "trainedAt": TIME,
                "digest": "sha256:0",
                "baseline": {"run": "r-0", "uri": "file:///r-0"},
                "vectors": [
                    {
                        "output": "embeddings",
                        "vectorCollectionRef": {"name": "digit-images", "uid": "c"},
                        "storeRef": {"name": "vectors"},
                        "dimension": 32,
                    }
                ],
                "deadlineSeconds": 60,
                "retryLimit": 3,
                "gracePeriodSeconds": 60,
            },
            "status": {"state": state, "conditions": [condition], **status},
        }
    )


def rows(resource: Any, runs: Runs = Runs()) -> list[list[str]]:  # noqa: B008 - a tuple
    return [line.split() for line in description(resource, {"spec": {"x": "of the spec"}}, [], NOW, runs).splitlines()]


def test_a_job_lists_its_runs_and_where_each_is_served() -> None:
    job = TrainingJob.model_validate(
        {
            "metadata": {"name": "digits"},
            "spec": {"source": {"type": "Path", "path": "/code"}, "entrypoint": "train.py"},
        }
    )
    told = rows(job, Runs(trained=[trained("r-1"), trained("r-2", ("digits", "other"))]))
    assert ["r-1", "2", "5m", "accuracy=0.9778", "loss=inf"] in told
    assert ["r-2", "2", "5m", "digits,", "other", "accuracy=0.9778", "loss=inf"] in told
    assert ["Runs:", "<none>"] in rows(job)


def test_a_materialization_lists_its_stagings_past_which_gates_and_what_could_not_be_dropped() -> None:
    body = {"metadata": {"name": "digits"}, "spec": {"trainingJobRef": {"name": "digits"}, "gates": []}}
    name = {"run": "r-1", "stagedRunRef": {"name": "digits-r-1", "uid": "s"}}
    active = {**name, "uri": "u", "trainedAt": TIME, "switchedAt": TIME, "outputs": [OUTPUT]}
    mat = Materialization.model_validate({**body, "status": {"active": active, "latest": name}})
    told = rows(
        mat,
        Runs(
            staged=[
                staged("r-1", "Staged", "Staged", gates=[PASSED], keptAs="Active", outputs=[OUTPUT], finishedAt=TIME),
                staged("r-2", "Refused", "GateFailed", gates=[PASSED, FAILED], dropError="alias live names it"),
                staged("r-3", "Staging", "Staging", progress="3/12"),
            ]
        ),
    )
    assert ["Active", "Run:", "r-1"] in told
    assert ["Previous", "Run:", "<none>"] in told
    assert ["digit-images", "Embeddings", "digit_images__5f1c", "1437", "32", "Flat", "0.99"] in told
    assert ["digits-r-1", "r-1", "Staged", "Staged", "Active", "1/1", "0.99", "5m"] in told
    assert ["digits-r-2", "r-2", "Refused", "GateFailed", "1/2"] in told
    assert ["digits-r-3", "r-3", "Staging", "Staging", "3/12"] in told
    assert ["r-2", "accurate", "FAILED", "0.5", ">=", "0.95", "accuracy", "is", "0.5"] in told
    assert ["digits-r-2", "alias", "live", "names", "it"] in told


def test_a_run_tells_what_it_is_of_what_it_holds_and_who_holds_it() -> None:
    run = trained("r-2", ("digits",), resumedFrom="r-1", sourceRevision="4f1d")
    told = rows(run, Runs(staged=[staged("r-2", "Staged", "Staged", keptAs="Active")]))
    for line in (
        ["Job:", "digits,", "attempt", "2", "(train.py)"],
        ["Trained:", "5m", "ago"],
        ["Revision:", "4f1d"],
        ["Resumed", "From:", "r-1"],
        ["Served", "By:", "digits"],
        ["epochs", "20"],
        ["accuracy", "0.9777777777777777"],
        ["features", "Features", "parquet", "1797", "1"],
        ["digits-r-2", "digits", "Staged", "Staged", "Active"],
    ):
        assert line in told, line
    assert ["x:", "of", "the", "spec"] not in told


def test_a_staging_tells_its_tries_targets_outputs_and_gates() -> None:
    told = rows(staged("r-2", "Refused", "GateFailed", tries=2, finishedAt=TIME, outputs=[OUTPUT], gates=[FAILED]))
    for line in (
        ["For:", "materialization/digits"],
        ["Run:", "trainingrun/r-2"],
        ["Compared", "To:", "r-0"],
        ["State:", "Refused,", "5m", "ago"],
        ["Tries:", "2", "of", "4"],
        ["Kept", "As:", "<none>"],
        ["embeddings", "VectorCollection", "digit-images", "vectors"],
        ["digit-images", "Embeddings", "digit_images__5f1c", "1437", "32", "Flat", "0.99"],
        ["accurate", "FAILED", "0.5", ">=", "0.95", "accuracy", "is", "0.5"],
        # What to do about the reason stands beside the conditions.
        ["Ready", "(GateFailed):", "Train", "a", "better", "run,", "or", "change", "the", "gate."],
    ):
        assert line in told, line
