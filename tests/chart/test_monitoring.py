"""Alerts and dashboard ask for metrics that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from penstock.api import KINDS
from penstock.gateway.metrics import REGISTRY
from penstock_operator.kubernetes.cache import Cache
from penstock_operator.kubernetes.metrics import Metrics
from penstock_operator.loop.key import Key
from penstock_operator.loop.queue import KeyQueue, Result

ROOT = Path(__file__).parents[2]
FILES = ROOT / "charts" / "penstock" / "files"
SUFFIXES = {"counter": "_total", "histogram": "_bucket", "gauge": "", "info": "_info"}


class Leads:
    leading = True


async def nothing(key: Key) -> Result:
    return Result()


def names(registry: CollectorRegistry) -> set[str]:
    """Our metrics, as Prometheus keeps them; of a histogram its buckets."""
    return {f"{one.name}{SUFFIXES[one.type]}" for one in registry.collect() if one.name.startswith("penstock")}


def operator() -> set[str]:
    metrics = Metrics(Cache(KINDS), Leads())  # type: ignore[arg-type]
    metrics.watch_queue(KeyQueue(nothing))
    metrics.watch_watches(dict, {})
    return names(metrics.registry)


KNOWN = operator() | names(REGISTRY)
RULES = [rule for group in yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
PANELS = json.loads((FILES / "dashboard.json").read_text())["panels"]


def asked(expression: str) -> set[str]:
    return set(re.findall(r"penstock_[a-z_]+", expression))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_alert_asks_for_metrics_that_there_are_and_is_documented(rule: dict[str, Any]) -> None:
    assert asked(rule["expr"])
    assert asked(rule["expr"]) <= KNOWN
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert set(rule["annotations"]) == {"summary", "description"}
    assert f"\n### {rule['alert']}\n" in (ROOT / "docs" / "operations.md").read_text()


def test_dashboard_shows_every_metric_and_no_other() -> None:
    shown = {name for panel in PANELS for target in panel.get("targets", ()) for name in asked(target["expr"])}
    assert shown == KNOWN


def test_panels_do_not_overlap() -> None:
    taken = set()
    for panel in PANELS:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)


def test_rules_are_those_of_the_file(render: Any, production: Path) -> None:
    (rule,) = render(production).of("PrometheusRule").values()
    assert [one for group in rule["spec"]["groups"] for one in group["rules"]] == RULES
