"""What a reconciler may ask of the world; the laptop and the cluster differ only behind these."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, NamedTuple, Protocol

from penstock.api import StagedRun, TrainingJob
from penstock.api.meta import SecretKeyRef
from penstock.api.trainingjob import Workers
from penstock.handoff import MilvusConnection, StagingReport
from penstock.heartbeat import Heartbeat
from penstock.installation import Installation
from penstock.rundir.manifest import Manifest
from penstock.rundir.progress import Progress
from penstock.sources.archive import Archive
from penstock.sources.store import StoredArchive
from penstock_operator.secretmemory import SecretMemory

Object = dict[str, Any]
"""A resource on the wire: apiVersion, kind, metadata, spec, status."""

References = Callable[[dict[str, Any]], Iterable[str]]
"""A spec to the names of the objects of some kind that it refers to; a function of a module: each may have an index."""


class Unreachable(Exception):
    """A part of the world did not answer in time; nothing may be concluded from that."""


class ClusterUnreachable(Unreachable):
    """The Kubernetes API did not answer in time, or asks for patience."""


class Conflict(Exception):
    """The object changed since it was read: read it again."""


class Change(NamedTuple):
    """One event of a watch."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Object


class Cluster(Protocol):
    """The objects: the embedded object store, or the Kubernetes API."""

    async def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object, or None where there is none."""

    async def list(self, kind: str, namespace: str | None = None) -> Sequence[Object]:
        """The objects of a kind, of one namespace or of all."""

    async def referring(self, kind: str, namespace: str | None, references: References, name: str) -> Sequence[Object]:
        """The objects of a kind, in one namespace or in all, whose specs refer to a name."""

    async def write_status(self, obj: Object, status: Mapping[str, Any]) -> Object:
        """Replace the status of the object as it was read.

        Raises:
            Conflict: it changed since.
            Refused: its schema does not allow it.
        """

    async def write_finalizers(self, obj: Object, finalizers: Sequence[str]) -> Object:
        """Replace the finalizers of the object as it was read.

        Raises:
            Conflict: it changed since.
        """

    async def create(self, obj: Object) -> Object:
        """Create an object; its status is dropped, as the schema's own is all that a new one has.

        Raises:
            Conflict: there is one of this name.
            Refused: its schema does not allow it.
        """

    async def replace_spec(self, obj: Object, spec: Mapping[str, Any]) -> Object:
        """Replace the spec of the object as it was read.

        Raises:
            Conflict: it changed since.
            Refused: its schema does not allow it.
        """

    async def delete(self, obj: Object) -> None:
        """Delete an object, by its uid: another of its name stays, and one that is gone is fine.

        While it has finalizers it is only marked, by a `deletionTimestamp`. What it owns goes after it.
        """

    async def record(self, obj: Object, severity: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        """Post an event about the object."""

    def watch(self, kind: str) -> AsyncIterator[Change]:
        """What is (as ADDED), then what changes, for as long as the caller listens."""


class JobState(StrEnum):
    """The states of a Ray job."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    STOPPED = "STOPPED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"

    @property
    def terminal(self) -> bool:
        """Whether the job will not change any more."""
        return self in (JobState.STOPPED, JobState.SUCCEEDED, JobState.FAILED)


@dataclass(frozen=True)
class RayJob:
    """A submission as Ray knows it."""

    submission_id: str
    state: JobState
    message: str = ""
    dashboard_url: str = ""
    """The job on Ray's dashboard."""
    fault: str = ""
    """Why it failed, where that was not the entrypoint's doing."""
    unbegun: str = ""
    """Why it failed before its entrypoint began; nothing is known of that then."""
    interrupted: bool = False
    """Whether its Ray cluster is away, and the entrypoint would begin again on another one."""
    lost: str = ""
    """Why it will not come to an end by itself any more."""
    watched: bool = False
    """Whether a change of it is told, so that nobody need ask."""
    look_seconds: float | None = None
    """Where it is watched: after how long there may be news of it that nobody tells."""


@dataclass(frozen=True)
class RaySubmission:
    """What to run on Ray."""

    submission_id: str
    entrypoint: str
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, SecretKeyRef] = field(default_factory=dict)
    """Variables whose values are in Secrets of the namespace of the object whose job this is."""
    workers: Workers | None = None
    """What the entrypoint will ask Ray for beside itself."""
    cpus: float = 0
    gpus: float = 0
    memory_bytes: int | None = None
    """What Ray sets aside for the entrypoint itself."""
    metadata: Mapping[str, str] = field(default_factory=dict)


class Ray(Protocol):
    """A Ray cluster. Every call raises Unreachable when Ray does not answer."""

    async def session(self) -> str:
        """The identity of the running cluster; another after a restart."""

    async def job(self, submission_id: str) -> RayJob | None:
        """The job, or None where Ray knows of none."""

    async def submit(self, submission: RaySubmission) -> None:
        """Submit; a submission that is there already is left as it is.

        Raises:
            Refused: it is understood and not wanted.
        """

    async def stop(self, submission_id: str) -> None:
        """Ask the job to stop; one that is gone or has ended is left as it is."""

    async def delete(self, submission_id: str) -> None:
        """Forget a job that has ended; one that is gone is fine."""

    async def logs(self, submission_id: str, lines: int = 20) -> str:
        """The last lines of the job's log; empty where there is none."""

    async def kept_seconds(self) -> int | None:
        """How long an idle Ray cluster stays for the next attempt; None where none is kept."""

    async def release(self) -> None:
        """Give back the Ray clusters that are kept for a next attempt."""


class Rays(Protocol):
    """Every Ray that objects name."""

    async def ray_of(self, owner: TrainingJob | StagedRun) -> Ray:
        """The Ray that the jobs of an object run on.

        Raises:
            MissingSecret: its token is not there.
            Refused: the object asks for one that this installation has not.
        """


class Features(Protocol):
    """Feast. Every call raises Unreachable, or Refused when the configuration is wrong."""

    async def check(self, config: Mapping[str, Any]) -> None:
        """Open the registry and the online store."""

    async def service_view(self, config: Mapping[str, Any], service: str) -> str | None:
        """The view behind a feature service."""

    async def point_service(self, config: Mapping[str, Any], service: str, view: str) -> None:
        """Let the feature service stand for this view.

        Raises:
            Refused: a service of that name is there, and was not made by Penstock.
        """

    async def drop_service(self, config: Mapping[str, Any], service: str, view: str) -> None:
        """Remove the feature service, where it is Penstock's and stands for this view; any other is left."""

    async def has_view(self, config: Mapping[str, Any], view: str) -> bool:
        """Whether a view is registered and holds rows, as far as its online store can tell that without a search."""

    async def drop_view(self, config: Mapping[str, Any], view: str) -> None:
        """Remove a view that no feature service names, with its online data; one that is gone is fine."""

    async def drop_project(self, config: Mapping[str, Any]) -> None:
        """Remove what is Penstock's and unused, and the project where nothing is left in it; one that is gone is fine.

        Raises:
            Refused: the project stays, for what the message names: views, and what is somebody else's.
        """


class Vectors(Protocol):
    """Milvus. Every call raises Unreachable, or Refused when the configuration is wrong."""

    async def check(self, connection: MilvusConnection) -> str:
        """The server's version."""

    async def alias_target(self, connection: MilvusConnection, alias: str) -> str | None:
        """The collection behind an alias."""

    async def move_alias(self, connection: MilvusConnection, alias: str, collection: str) -> None:
        """Let the alias stand for this collection."""

    async def drop_alias(self, connection: MilvusConnection, alias: str, collection: str) -> None:
        """Remove the alias, where it stands for this collection; any other is left."""

    async def has_collection(self, connection: MilvusConnection, collection: str) -> bool:
        """Whether a collection is there, and loaded or loadable."""

    async def drop_collection(self, connection: MilvusConnection, collection: str) -> None:
        """Remove a collection that no alias names; one that is gone is fine."""


class Refused(Exception):
    """A store understood the request and said no: the spec must change."""


class Invalid(Refused):
    """What was asked is wrong in itself: the same request will never be taken."""


class Missing(Refused):
    """The kind of the object, or its namespace, is not there."""


class Artifacts(Protocol):
    """The run directories, and archives of code."""

    async def manifest(self, run_uri: str) -> Manifest:
        """The manifest, checked.

        Raises:
            RunDirError: missing, corrupt, of the future, or with a wrong digest.
        """

    async def progress(self, uri: str) -> Progress | None:
        """What the job last reported."""

    async def report(self, stage_uri: str) -> StagingReport | None:
        """The report of a staging, or None where there is none yet.

        Raises:
            ReportInvalid: there is one, and it is corrupt.
        """

    async def has_file(self, folder: str, path: str) -> bool:
        """Whether a folder holds a file."""

    async def has_source(self, artifacts: str, digest: str) -> bool:
        """Whether the store at a URI has an archive of code."""

    async def put_source(self, artifacts: str, archive: Archive) -> None:
        """Put an archive of code into the store at a URI; one that is there is written again."""

    async def sources(self, artifacts: str) -> Sequence[StoredArchive]:
        """The archives of code in the store at a URI."""

    async def remove_source(self, archive: StoredArchive) -> bool:
        """Remove an archive, unless it was written again since it was listed; whether it is gone."""

    async def has_checkpoint(self, run_uri: str) -> bool:
        """Whether a run left a checkpoint to go on from."""

    async def put(self, uri: str, content: bytes) -> None:
        """Write a file, in place of what is there, whole or not at all."""

    async def delete(self, uri: str) -> None:
        """Remove a file, or a directory and all in it, and what above is empty then; one that is gone is fine."""


class Gateways(Protocol):
    """The gateways that serve what the pointers name."""

    async def heartbeats(self) -> Sequence[Heartbeat]:
        """What those that live say of themselves."""


class NoGateways:
    """None is known."""

    async def heartbeats(self) -> Sequence[Heartbeat]:
        """Nothing."""
        return ()


@dataclass(frozen=True)
class World:
    """Everything that a reconciler may ask for."""

    cluster: Cluster
    rays: Rays
    features: Features
    vectors: Vectors
    artifacts: Artifacts
    installation: Installation
    gateways: Gateways = field(default_factory=NoGateways)
    secrets: SecretMemory = field(default_factory=SecretMemory)
