"""The part of the client that only reads."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Mapping
from typing import Any

from penstock.api import Materialization, Resource, StagedRun, TrainingJob, TrainingRun
from penstock.client.errors import NotFound, NotPossible
from penstock.client.kinds import api_version, checked_name, collection, full_name
from penstock.client.raylogs import RayLogs
from penstock.client.records import Event, R, event
from penstock.client.session import Session, typed

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
Labels = Mapping[str, str] | str


class Reading:
    """get, list, events and logs."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, kind: type[R], name: str, *, namespace: str | None = None) -> R:
        """One object.

        Raises:
            NotFound: there is none of this name.

        Examples:
            >>> job = await client.get(TrainingJob, "digits")  # doctest: +SKIP
            >>> job.status.latest_run  # doctest: +SKIP
            '3f2a9c41-1'
        """
        return typed(kind, await self._session.document(kind.__name__, name, namespace))

    async def list(
        self, kind: type[R], *, labels: Labels | None = None, all_namespaces: bool = False, namespace: str | None = None
    ) -> builtins.list[R]:
        """The objects of a kind, by namespace and name.

        Args:
            kind: such as `TrainingJob`.
            labels: only those that have these; a mapping, or a selector as kubectl takes it.
            all_namespaces: of every namespace.
            namespace: of this one.

        Examples:
            >>> found = await client.list(TrainingJob, labels={"team": "search"})  # doctest: +SKIP
            >>> [job.metadata.name for job in found]  # doctest: +SKIP
            ['digits']
        """
        found = await self.documents(kind, labels=labels, all_namespaces=all_namespaces, namespace=namespace)
        return [typed(kind, document) for document in found]

    async def document(self, kind: type[Resource], name: str, *, namespace: str | None = None) -> dict[str, Any]:
        """One object as the API keeps it: the JSON form, whole.

        Raises:
            NotFound: there is none of this name.

        Examples:
            >>> (await client.document(TrainingJob, "digits"))["metadata"]["uid"]  # doctest: +SKIP
            '3f2a9c41-...'
        """
        return await self._session.document(kind.__name__, name, namespace)

    async def documents(
        self,
        kind: type[Resource],
        *,
        labels: Labels | None = None,
        all_namespaces: bool = False,
        namespace: str | None = None,
    ) -> builtins.list[dict[str, Any]]:
        """The objects of a kind as the API keeps them.

        Examples:
            >>> len(await client.documents(TrainingJob, all_namespaces=True))  # doctest: +SKIP
            3
        """
        path = self._path(kind, namespace, all_namespaces)
        body = await self._session.transport.document("GET", path, params=_selecting(labels))
        api = {"apiVersion": api_version(kind.__name__), "kind": kind.__name__}
        return [{**api, **item} for item in body["items"]]

    async def table(
        self,
        kind: type[Resource],
        name: str | None = None,
        *,
        labels: Labels | None = None,
        all_namespaces: bool = False,
        namespace: str | None = None,
    ) -> dict[str, Any]:
        """The objects as the `Table` that the API makes for `kubectl get`: `columnDefinitions` and `rows`.

        Raises:
            NotFound: there is none of this name.

        Examples:
            >>> (await client.table(TrainingJob))["rows"][0]["cells"][:2]  # doctest: +SKIP
            ['digits', 'True']
        """
        path = self._path(kind, namespace, all_namespaces and name is None)
        path = path if name is None else f"{path}/{checked_name(name)}"
        return await self._session.transport.document("GET", path, params=_selecting(labels), headers={"Accept": TABLE})

    async def events(self, kind: type[Resource], name: str, *, namespace: str | None = None) -> builtins.list[Event]:
        """What happened to an object, the oldest first.

        Examples:
            >>> [event.reason for event in await client.events(TrainingJob, "digits")]  # doctest: +SKIP
            ['Running', 'Completed']
        """
        fields = {"involvedObject.kind": kind.__name__, "involvedObject.name": name}
        selector = ",".join(f"{field}={value}" for field, value in fields.items())
        path = collection("Event", namespace or self._session.namespace)
        found = await self._session.transport.document("GET", path, params={"fieldSelector": selector})
        events = [event(item) for item in found["items"]]
        return sorted(events, key=lambda one: (one.last_seen is not None, one.last_seen))

    async def logs(
        self,
        kind: type[Resource],
        name: str,
        *,
        attempt: int | None = None,
        follow: bool = False,
        namespace: str | None = None,
    ) -> AsyncIterator[str]:
        """The lines of an object's log, without their line ends.

        That of a TrainingRun is its attempt's, and that of a Materialization the one of its newest StagedRun.

        Args:
            kind: such as `TrainingJob`.
            name: of the object.
            attempt: of a job; unset, the newest.
            follow: go on until the attempt ends.
            namespace: of the object.

        Raises:
            NotFound: there is no such object.
            NotPossible: it has no log.
            LogAway: Ray cannot be asked, on a cluster; the error has the lines that the status keeps.

        Examples:
            >>> async for line in client.logs(TrainingJob, "digits", follow=True):  # doctest: +SKIP
            ...     print(line)
        """
        space = namespace or self._session.namespace
        kind, name, attempt = await self._log_source(kind, name, space, attempt)
        if not self._session.transport.local:
            resource = typed(kind, await self._session.document(kind.__name__, name, space))
            async for line in RayLogs(self._session, resource).lines(attempt, follow):
                yield line
            return
        params = {"attempt": str(attempt)} if attempt is not None else {}
        params |= {"follow": "true"} if follow else {}
        path = f"/penstock/v1/namespaces/{space}/{kind.PLURAL}/{checked_name(name)}/log"
        try:
            async with self._session.transport.stream(path, params, follow) as lines:
                async for line in lines:
                    yield line
        except NotFound as error:
            await self._session.document(kind.__name__, name, space)
            server = self._session.transport.server
            which = f" of attempt {attempt}" if attempt is not None else ""
            raise NotPossible(
                f"{full_name(kind.__name__, name)} has no log{which} at {server}: {error}; look at Ray's dashboard"
            ) from error

    async def _log_source(
        self, kind: type[Resource], name: str, namespace: str, attempt: int | None
    ) -> tuple[type[Resource], str, int | None]:
        """The object that Ray's jobs are submitted for."""
        if kind is TrainingRun:
            run = (await self.get(TrainingRun, name, namespace=namespace)).spec
            ref = run.training_job_ref
            try:
                job = await self.get(TrainingJob, ref.name, namespace=namespace)
            except NotFound:
                job = None
            if job is None or job.metadata.uid != ref.uid:
                raise NotPossible(f"{full_name(kind.__name__, name)} has no log any more: its job {ref.name!r} is gone")
            return TrainingJob, ref.name, run.attempt
        if kind is Materialization:
            latest = (await self.get(Materialization, name, namespace=namespace)).status.latest
            if latest is None:
                raise NotPossible(f"{full_name(kind.__name__, name)} has staged nothing yet")
            return StagedRun, latest.staged_run_ref.name, None
        return kind, name, attempt

    def _path(self, kind: type[Resource], namespace: str | None, all_namespaces: bool) -> str:
        return collection(kind.__name__, None if all_namespaces else namespace or self._session.namespace)


def _selecting(labels: Labels | None) -> dict[str, str]:
    if not labels:
        return {}
    text = labels if isinstance(labels, str) else ",".join(f"{name}={value}" for name, value in labels.items())
    return {"labelSelector": text}
