"""An event about an object, as the Kubernetes API keeps it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from penstock_operator.ports import Object

COMPONENT = "penstock"


def event(obj: Object, severity: str, reason: str, message: str, host: str = "") -> Object:
    """An event on the wire; the same of the same object has the same name, so that a repetition is counted."""
    meta = obj["metadata"]
    digest = hashlib.sha256(f"{meta['uid']}{reason}{message}".encode()).hexdigest()[:16]
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{meta['name']}.{digest}", "namespace": meta["namespace"]},
        "involvedObject": {
            "apiVersion": obj["apiVersion"],
            "kind": obj["kind"],
            "namespace": meta["namespace"],
            "name": meta["name"],
            "uid": meta["uid"],
            "resourceVersion": meta["resourceVersion"],
        },
        "type": severity,
        "reason": reason,
        "message": message[:1024],
        "source": {"component": COMPONENT, **({"host": host} if host else {})},
        "reportingComponent": COMPONENT,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
