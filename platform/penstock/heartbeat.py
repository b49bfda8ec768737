"""What a gateway says of itself to the operator, in a Lease of its own: that it lives, and what it does not serve.

A Lease (https://kubernetes.io/docs/concepts/architecture/leases/) is the heartbeat that Kubernetes itself uses. What is
said stands in annotations: a gateway serves nearly all that it should nearly always, so only the rest is written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from penstock.api.meta import GROUP, StatusModel
from penstock.wiresize import shortened, wire_bytes

PREFIX = "penstock-gateway-"
"""Of the names of these Leases; the replica's own follows."""
LABELS = {"app.kubernetes.io/name": "penstock", "app.kubernetes.io/component": "gateway"}
BEHIND, MORE = f"{GROUP}/behind", f"{GROUP}/behind-more"
SEEN, NAMESPACES = f"{GROUP}/seen", f"{GROUP}/namespaces"
EVERY_SECONDS = 10.0
DURATION_SECONDS = 40
"""Of silence, after which a replica counts as gone."""
BEHIND_BYTES = 64_000
"""All annotations of an object may take 256 KiB."""
PROBLEM_BYTES = 500
TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
"""Of a MicroTime."""


class Behind(StatusModel):
    """A Materialization whose active run a gateway does not serve."""

    namespace: str
    name: str
    run: str
    uid: str
    """Of the active StagedRun."""
    since: datetime
    problem: str = ""
    """Why; empty while it is being loaded."""


class Heartbeat(NamedTuple):
    """What one replica says."""

    replica: str
    renewed_at: datetime
    seen: datetime | None
    """The newest `switchedAt` of the pointers that it has seen; None while it does not follow them."""
    behind: Sequence[Behind] = ()
    more: int = 0
    """How many others it is behind with: they did not fit."""
    namespaces: Sequence[str] = ()
    """Those that it serves; empty for all."""
    duration: float = DURATION_SECONDS

    def lives(self, now: datetime) -> bool:
        """Whether it was heard of lately."""
        return now - self.renewed_at < timedelta(seconds=self.duration)

    def serves(self, namespace: str) -> bool:
        """Whether it serves what is in a namespace."""
        return not self.namespaces or namespace in self.namespaces


def to_lease(beat: Heartbeat, namespace: str, owner: dict[str, Any] | None = None) -> dict[str, Any]:
    """The Lease of a replica.

    Args:
        beat: what it says.
        namespace: of the installation.
        owner: reference to the pod, so that the Lease goes with it however it ends.
    """
    told, more = _fitting(beat.behind)
    annotations = {
        BEHIND: json.dumps([one.to_wire() for one in told], separators=(",", ":")),
        MORE: str(beat.more + more),
        SEEN: beat.seen.isoformat() if beat.seen is not None else "",
        NAMESPACES: json.dumps(list(beat.namespaces)),
    }
    meta: dict[str, Any] = {
        "name": f"{PREFIX}{beat.replica}",
        "namespace": namespace,
        "labels": LABELS,
        "annotations": annotations,
    }
    if owner is not None:
        meta["ownerReferences"] = [owner]
    spec = {
        "holderIdentity": beat.replica,
        "leaseDurationSeconds": int(beat.duration),
        "renewTime": beat.renewed_at.strftime(TIME),
    }
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}


def from_lease(lease: Mapping[str, Any]) -> Heartbeat | None:
    """What the replica of a Lease says; None where it is not understood."""
    annotations, spec = lease["metadata"].get("annotations") or {}, lease.get("spec") or {}
    try:
        return Heartbeat(
            replica=spec["holderIdentity"],
            renewed_at=_WHEN.validate_python(spec["renewTime"]),
            seen=_WHEN.validate_python(annotations[SEEN]) if annotations[SEEN] else None,
            behind=_BEHIND.validate_json(annotations[BEHIND]),
            more=int(annotations[MORE]),
            namespaces=_NAMESPACES.validate_json(annotations[NAMESPACES]),
            duration=float(spec["leaseDurationSeconds"]),
        )
    except (KeyError, ValueError, ValidationError):
        return None


_BEHIND, _WHEN, _NAMESPACES = TypeAdapter(list[Behind]), TypeAdapter(datetime), TypeAdapter(list[str])


def _fitting(behind: Sequence[Behind]) -> tuple[list[Behind], int]:
    """As many as there is room for, those that wait longest first; how many are left out."""
    told: list[Behind] = []
    left = BEHIND_BYTES
    for one in sorted(behind, key=lambda one: one.since):
        short = one.model_copy(update={"problem": shortened(one.problem, PROBLEM_BYTES)})
        left -= wire_bytes(short.to_wire()) + 1
        if left < 0:
            break
        told.append(short)
    return told, len(behind) - len(told)
