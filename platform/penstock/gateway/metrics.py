"""Prometheus metrics; no object's name is a label."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()

REQUESTS = Counter(
    "penstock_gateway_requests", "Requests by route and status code.", ["route", "code"], registry=REGISTRY
)
REQUEST_SECONDS = Histogram(
    "penstock_gateway_request_seconds",
    "Seconds to answer, by route.",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    registry=REGISTRY,
)
SWITCHES = Counter("penstock_gateway_switches", "Times that a run became the one that answers.", registry=REGISTRY)
LOAD_FAILURES = Counter("penstock_gateway_load_failures", "Bundles that could not be loaded.", registry=REGISTRY)
LOAD_SECONDS = Histogram("penstock_gateway_load_seconds", "Seconds to load a bundle.", registry=REGISTRY)
BEHIND = Gauge(
    "penstock_gateway_materializations_behind",
    "Materializations whose active run is not served here.",
    registry=REGISTRY,
)
API_CONNECTED = Gauge(
    "penstock_gateway_api_connected", "1 while the watch on the Kubernetes API stands.", registry=REGISTRY
)
CERTIFICATE_ENDS = Gauge(
    "penstock_gateway_certificate_end_timestamp_seconds",
    "When the certificate that is served ends, in seconds since 1970; 0 without TLS.",
    registry=REGISTRY,
)

AUTH = Counter("penstock_gateway_auth", "Queries by what became of the caller's wish.", ["outcome"], registry=REGISTRY)
REVIEWS = Counter(
    "penstock_gateway_reviews",
    "Reviews that the Kubernetes API was asked for, by kind and outcome.",
    ["kind", "outcome"],
    registry=REGISTRY,
)


def exposition() -> bytes:
    """The metrics in Prometheus's text format."""
    return generate_latest(REGISTRY)
