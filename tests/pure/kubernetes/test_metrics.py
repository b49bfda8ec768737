"""The metrics by the rules that promtool checks, and what they count."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from penstock_operator.kubernetes.cache import Cache
from penstock_operator.kubernetes.metrics import Metrics
from penstock_operator.loop.queue import KeyQueue, Result

NAMES = {
    "penstock_reconcile",
    "penstock_reconcile_duration_seconds",
    "penstock_objects",
    "penstock_queue_depth",
    "penstock_oldest_unreconciled_seconds",
    "penstock_ray_submissions",
    "penstock_promotions",
    "penstock_rollbacks",
    "penstock_gate_failures",
    "penstock_left_behind",
    "penstock_manifest_to_live_seconds",
    "penstock_leader",
    "penstock_build_info",
}
LABELS = {"kind", "outcome", "condition", "status", "le", "version", "python"}
UNITS_THAT_ARE_NOT_BASE = re.compile(r"_(ms|milliseconds|minutes|hours|days|kb|mb|percent)(_|$)")


class Leads:
    leading = True


def job(name: str, status: str) -> dict[str, Any]:
    return {
        "kind": "TrainingJob",
        "metadata": {"namespace": "default", "name": name, "uid": name, "resourceVersion": "1"},
        "status": {"conditions": [{"type": "Succeeded", "status": status}]},
    }


@pytest.fixture
def metrics() -> Metrics:
    cache = Cache(["TrainingJob"])
    for name, status in (("a", "True"), ("b", "True"), ("c", "Unknown")):
        cache.put(job(name, status))
    return Metrics(cache, Leads())  # type: ignore[arg-type]


def ours(metrics: Metrics) -> Iterator[Metric]:
    for family in text_string_to_metric_families(metrics.exposition().decode()):
        if family.name.startswith("penstock") and not family.name.endswith("_created"):
            yield family


async def test_names_units_help_and_labels(metrics: Metrics) -> None:
    async def work(_: object) -> Result:
        return Result()

    metrics.watch_queue(KeyQueue(work))
    metrics.passed("TrainingJob", "success", 0.01)
    families = {family.name: family for family in ours(metrics)}
    assert set(families) == NAMES
    for name, family in families.items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name), name
        assert not UNITS_THAT_ARE_NOT_BASE.search(name), name
        assert family.documentation.endswith("."), name
        assert family.type in ("counter", "gauge", "histogram"), name
        for sample in family.samples:
            if family.type == "counter":
                assert sample.name in (f"{name}_total", f"{name}_created"), sample.name
            assert set(sample.labels) <= LABELS, sample
        if family.type == "histogram":
            assert name.endswith("_seconds"), name


def test_objects_are_counted_when_asked(metrics: Metrics) -> None:
    (family,) = [family for family in ours(metrics) if family.name == "penstock_objects"]
    order = ("kind", "condition", "status")
    assert {tuple(sample.labels[name] for name in order): sample.value for sample in family.samples} == {
        ("TrainingJob", "Succeeded", "True"): 2,
        ("TrainingJob", "Succeeded", "Unknown"): 1,
    }
