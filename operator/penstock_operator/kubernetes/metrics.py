"""Prometheus metrics of the control plane; no object's name is a label."""

from __future__ import annotations

import platform
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

import penstock
from penstock_operator.kubernetes.cache import Cache
from penstock_operator.kubernetes.lease import Lease
from penstock_operator.kubernetes.transitions import Transition
from penstock_operator.loop.queue import KeyQueue
from penstock_operator.stagedrun import observed as staging
from penstock_operator.training import actions as training

PASS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
LIVE_BUCKETS = (5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 14400, 86400)


class Metrics:
    """The metrics of one replica."""

    def __init__(self, cache: Cache, lease: Lease) -> None:
        self.registry = CollectorRegistry()
        self._passes = self._counter("reconcile", "Passes over objects, by how they ended.", "kind", "outcome")
        self._seconds = Histogram(
            "penstock_reconcile_duration_seconds",
            "Seconds of a pass over an object.",
            ["kind"],
            buckets=PASS_BUCKETS,
            registry=self.registry,
        )
        self._submissions = self._counter("ray_submissions", "Submissions that Ray took.", "kind")
        self._promotions = self._counter("promotions", "Times that a newer run became the one that is served.")
        self._rollbacks = self._counter("rollbacks", "Times that an older run became the one that is served.")
        self._gate_failures = self._counter("gate_failures", "Runs that a gate rejected.")
        self._left_behind = self._counter("left_behind", "Things that stay though what made them was deleted.", "kind")
        self._live = Histogram(
            "penstock_manifest_to_live_seconds",
            "Seconds from a run's manifest until the run is served for the first time.",
            buckets=LIVE_BUCKETS,
            registry=self.registry,
        )
        leads = Gauge("penstock_leader", "1 while this replica leads.", registry=self.registry)
        leads.set_function(lambda: float(lease.leading))
        build = Info("penstock_build", "What runs.", registry=self.registry)
        build.info({"version": penstock.__version__, "python": platform.python_version()})
        self.registry.register(_Objects(cache))
        ProcessCollector(registry=self.registry)

    def watch_queue(self, queue: KeyQueue, unseen: Callable[[], float] = float) -> None:
        """Show how far behind a queue is; `unseen` is the age of what is known to be missing from it."""
        depth = Gauge("penstock_queue_depth", "Objects that wait for a pass.", registry=self.registry)
        depth.set_function(lambda: queue.depth)
        oldest = Gauge(
            "penstock_oldest_unreconciled_seconds",
            "Age of the oldest change that no pass has dealt with.",
            registry=self.registry,
        )
        oldest.set_function(lambda: max(queue.oldest, unseen()))

    def watch_watches(self, silent: Callable[[], Mapping[str, float]], missed: Mapping[str, int]) -> None:
        """Show how long nothing has come on the watches, and how much they did not bring, by kind."""
        self.registry.register(_Watches(silent, missed))

    def passed(self, kind: str, outcome: str, seconds: float) -> None:
        """Count a pass."""
        self._passes.labels(kind, outcome).inc()
        self._seconds.labels(kind).observe(seconds)

    def converged(self, kind: str, action: Any) -> None:
        """Count an action that was performed."""
        if isinstance(action, training.Submit | staging.Submit):
            self._submissions.labels(kind).inc()

    def count(self, transition: Transition, now: datetime) -> None:
        """Count what the write of a status made true."""
        self._promotions.inc(transition.promoted)
        self._rollbacks.inc(transition.rolled_back)
        self._gate_failures.inc(transition.gate_failed)
        if transition.live_since is not None:
            self._live.observe((now - transition.live_since).total_seconds())

    def left_behind(self, kind: str) -> None:
        """Count what stays, by the kind of what made it."""
        self._left_behind.labels(kind).inc()

    def exposition(self) -> bytes:
        """The metrics in Prometheus's text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, help_: str, *labels: str) -> Counter:
        return Counter(f"penstock_{name}", help_, labels, registry=self.registry)


class _Watches(Collector):
    """Asks the watches when asked."""

    def __init__(self, silent: Callable[[], Mapping[str, float]], missed: Mapping[str, int]) -> None:
        self._silent, self._missed = silent, missed

    def collect(self) -> Iterator[Metric]:
        silent = GaugeMetricFamily(
            "penstock_watch_silent_seconds",
            "Seconds since the API last said anything on a kind's watch, bookmarks too.",
            labels=["kind"],
        )
        for kind, seconds in self._silent().items():
            silent.add_metric([kind], seconds)
        missed = CounterMetricFamily(
            "penstock_watch_missed", "Changes that no watch brought, and an audit found.", labels=["kind"]
        )
        for kind, count in [*self._missed.items()]:
            missed.add_metric([kind], count)
        yield from (silent, missed)


class _Objects(Collector):
    """Counts objects by their conditions when asked."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "penstock_objects", "Objects by the status of a condition.", labels=["kind", "condition", "status"]
        )
        found: Tally[tuple[str, str, str]] = Tally()
        for kind in self._cache.kinds:
            for obj in self._cache.list(kind):
                for condition in (obj.get("status") or {}).get("conditions") or ():
                    found[kind, condition["type"], condition["status"]] += 1
        for labels, count in sorted(found.items()):
            family.add_metric(labels, count)
        yield family
