"""What the client gives back beside the resources themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from penstock.api import KINDS, Resource
from penstock.client.core import CORE

R = TypeVar("R", bound=Resource)

Outcome = Literal["created", "configured", "unchanged"]
ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(frozen=True)
class Applied:
    """A document as the API took it."""

    outcome: Outcome
    document: dict[str, Any]

    @property
    def kind(self) -> str:
        """Its kind."""
        return str(self.document["kind"])

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.document["metadata"]["name"])

    @property
    def resource(self) -> Resource:
        """The document as a resource of its kind."""
        return {**KINDS, **CORE}[self.kind].model_validate(self.document)


@dataclass(frozen=True)
class Change(Generic[R]):
    """What a watch saw."""

    type: ChangeType
    resource: R


@dataclass(frozen=True)
class Event:
    """A Kubernetes event about an object."""

    type: str
    reason: str
    message: str
    count: int
    last_seen: datetime | None
    first_seen: datetime | None = None
    source: str = ""


def event(document: Mapping[str, Any]) -> Event:
    """An event as the API keeps it, in either of its two groups' words."""
    at = document.get("eventTime")
    return Event(
        type=document.get("type") or "",
        reason=document.get("reason") or "",
        message=document.get("message") or "",
        count=document.get("count") or 1,
        last_seen=_time(document.get("lastTimestamp") or at),
        first_seen=_time(document.get("firstTimestamp") or at),
        source=(document.get("source") or {}).get("component") or document.get("reportingComponent") or "",
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
