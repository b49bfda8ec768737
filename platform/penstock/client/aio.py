"""The asynchronous client."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from penstock.client.applying import Applying
from penstock.client.delegation import Part
from penstock.client.promoting import Promoting
from penstock.client.reading import Reading
from penstock.client.session import Session
from penstock.client.transport import Transport
from penstock.client.waiting import Waiting
from penstock.client.watching import Watching
from penstock.client.writing import Writing

_session = Part("_session", Session)
_reading = Part("_reading", Reading)
_watching = Part("_watching", Watching)
_waiting = Part("_waiting", Waiting)
_applying = Part("_applying", Applying)
_writing = Part("_writing", Writing)
_promoting = Part("_promoting", Promoting)


class AsyncClient:
    """Penstock's resources over the Kubernetes REST API, of a cluster or of the local stack.

    The verbs are kubectl's, and stand beside what they do: `reading`, `watching`, `waiting`, `applying`, `writing`,
    `promoting`. Each raises `Unreachable` when the API does not answer, and a subclass of `ApiError` when it refuses.

    Examples:
        >>> async with AsyncClient(namespace="search") as client:  # doctest: +SKIP
        ...     await client.apply_path("penstock.yaml")
        ...     job = await client.wait(TrainingJob, "digits", "Succeeded", timeout=600)
        ...     await client.wait_served("digits", job.status.latest_run)
    """

    def __init__(
        self,
        kubeconfig: str | Path | None = None,
        *,
        context: str | None = None,
        namespace: str | None = None,
        timeout: float = 10.0,
    ) -> None:
        """Choose a context; nothing is sent yet.

        Args:
            kubeconfig: its path; unset, it is looked for (`penstock.client.config.find_kubeconfigs`).
            context: of the kubeconfig; unset, its current one.
            namespace: of every call that names none; unset, the context's.
            timeout: seconds that one answer may take.

        Raises:
            ConfigError: there is no kubeconfig, or it cannot be used.
        """
        self._transport = Transport(kubeconfig, context, namespace, timeout)
        session = self._session = Session(self._transport)
        self._reading = Reading(session)
        self._watching = Watching(session)
        self._waiting = Waiting(session, self._watching)
        self._applying = Applying(session)
        self._writing = Writing(session, self._waiting)
        self._promoting = Promoting(self._reading, self._writing)

    @property
    def namespace(self) -> str:
        """The namespace of every call that names none."""
        return self._transport.namespace

    @property
    def server(self) -> str:
        """The address of the API."""
        return self._transport.server

    @property
    def local(self) -> bool:
        """Whether the API is that of a local stack, which sees the files of this machine."""
        return self._transport.local

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    get = _reading(Reading.get)
    list = _reading(Reading.list)
    document = _reading(Reading.document)
    documents = _reading(Reading.documents)
    table = _reading(Reading.table)
    events = _reading(Reading.events)
    logs = _reading(Reading.logs)

    watch = _watching(Watching.watch)

    wait = _waiting(Waiting.wait)
    wait_served = _waiting(Waiting.wait_served)

    apply = _applying(Applying.apply)
    apply_path = _applying(Applying.apply_path)

    patch = _writing(Writing.patch)
    delete = _writing(Writing.delete)
    delete_document = _writing(Writing.delete_document)
    suspend = _writing(Writing.suspend)
    resume = _writing(Writing.resume)
    rerun = _writing(Writing.rerun)

    runs = _promoting(Promoting.runs)
    staged_runs = _promoting(Promoting.staged_runs)
    promotable = _promoting(Promoting.promotable)
    promote = _promoting(Promoting.promote)
    rollback = _promoting(Promoting.rollback)

    core_document = _session(Session.core_document)
    get_json = _session(Session.get_json)
    get_text = _session(Session.get_text)
    post_json = _session(Session.post_json)
