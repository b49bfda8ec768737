"""The client for code that is not asynchronous: `AsyncClient` in a thread of its own."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from penstock.api import Materialization, Resource, StagedRun, TrainingJob, TrainingRun
from penstock.blocking import BlockingLoop
from penstock.client.aio import AsyncClient
from penstock.client.reading import Labels
from penstock.client.records import Applied, Change, Event, R
from penstock.client.sources import Tell
from penstock.client.waiting import WAIT_SECONDS

T = TypeVar("T")
_END: Any = object()


class Client:
    """Penstock's resources over the Kubernetes REST API; every method is that of `AsyncClient`, and blocks.

    Use it in a `with` block, or call `close` at the end; what is left open is closed when the interpreter ends.

    Examples:
        >>> with Client(namespace="search") as client:  # doctest: +SKIP
        ...     client.apply_path("penstock.yaml")
        ...     job = client.wait(TrainingJob, "digits", "Succeeded", timeout=600)
    """

    def __init__(
        self,
        kubeconfig: str | Path | None = None,
        *,
        context: str | None = None,
        namespace: str | None = None,
        timeout: float = 10.0,
    ) -> None:
        """As `AsyncClient`."""
        self._client = AsyncClient(kubeconfig, context=context, namespace=namespace, timeout=timeout)
        self._loop = BlockingLoop("penstock-client")

    @property
    def namespace(self) -> str:
        """The namespace of every call that names none."""
        return self._client.namespace

    @property
    def server(self) -> str:
        """The address of the API."""
        return self._client.server

    def close(self) -> None:
        """Close the connections and end the thread."""
        self._loop.close(self._client.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, kind: type[R], name: str, *, namespace: str | None = None) -> R:
        """One object; see `AsyncClient.get`."""
        return self._loop.run(self._client.get(kind, name, namespace=namespace))

    def list(
        self, kind: type[R], *, labels: Labels | None = None, all_namespaces: bool = False, namespace: str | None = None
    ) -> builtins.list[R]:
        """The objects of a kind; see `AsyncClient.list`."""
        options = {"labels": labels, "all_namespaces": all_namespaces, "namespace": namespace}
        return self._loop.run(self._client.list(kind, **options))  # type: ignore[arg-type]

    def events(self, kind: type[Resource], name: str, *, namespace: str | None = None) -> builtins.list[Event]:
        """What happened to an object; see `AsyncClient.events`."""
        return self._loop.run(self._client.events(kind, name, namespace=namespace))

    def logs(
        self,
        kind: type[Resource],
        name: str,
        *,
        attempt: int | None = None,
        follow: bool = False,
        namespace: str | None = None,
    ) -> Iterator[str]:
        """The lines of an object's log; see `AsyncClient.logs`."""
        return self._iterate(self._client.logs(kind, name, attempt=attempt, follow=follow, namespace=namespace))

    def watch(
        self, kind: type[R], name: str | None = None, *, all_namespaces: bool = False, namespace: str | None = None
    ) -> Iterator[Change[R]]:
        """What is, then what changes; see `AsyncClient.watch`."""
        return self._iterate(self._client.watch(kind, name, all_namespaces=all_namespaces, namespace=namespace))

    def wait(
        self,
        kind: type[R],
        name: str,
        awaited: str,
        timeout: float | None = WAIT_SECONDS,
        *,
        namespace: str | None = None,
    ) -> R | None:
        """Wait until a condition is met, or until the object is gone; see `AsyncClient.wait`."""
        return self._loop.run(self._client.wait(kind, name, awaited, timeout, namespace=namespace))

    def wait_served(
        self, name: str, run: str, timeout: float | None = WAIT_SECONDS, *, namespace: str | None = None
    ) -> Materialization:
        """Wait until a Materialization serves a run; see `AsyncClient.wait_served`."""
        return self._loop.run(self._client.wait_served(name, run, timeout, namespace=namespace))

    def apply(
        self, resource: Resource | Mapping[str, Any], *, dry_run: bool = False, tell: Tell | None = None
    ) -> Applied:
        """Create or change an object; see `AsyncClient.apply`."""
        return self._loop.run(self._client.apply(resource, dry_run=dry_run, tell=tell))

    def apply_path(
        self, path: str | Path, *, dry_run: bool = False, tell: Tell | None = None
    ) -> builtins.list[Applied]:
        """Apply every resource of a file or folder; see `AsyncClient.apply_path`."""
        return self._loop.run(self._client.apply_path(path, dry_run=dry_run, tell=tell))

    def patch(self, kind: type[R], name: str, patch: Mapping[str, Any], *, namespace: str | None = None) -> R:
        """Change an object by a merge patch; see `AsyncClient.patch`."""
        return self._loop.run(self._client.patch(kind, name, patch, namespace=namespace))

    def delete(
        self,
        kind: type[Resource],
        name: str,
        *,
        wait: bool = True,
        timeout: float | None = WAIT_SECONDS,
        namespace: str | None = None,
    ) -> None:
        """Delete an object; see `AsyncClient.delete`."""
        self._loop.run(self._client.delete(kind, name, wait=wait, timeout=timeout, namespace=namespace))

    def suspend(self, kind: type[R], name: str, *, namespace: str | None = None) -> R:
        """Set `spec.suspend`; see `AsyncClient.suspend`."""
        return self._loop.run(self._client.suspend(kind, name, namespace=namespace))

    def resume(self, kind: type[R], name: str, *, namespace: str | None = None) -> R:
        """Unset `spec.suspend`; see `AsyncClient.resume`."""
        return self._loop.run(self._client.resume(kind, name, namespace=namespace))

    def rerun(self, name: str, *, namespace: str | None = None) -> TrainingJob:
        """Run a TrainingJob once more; see `AsyncClient.rerun`."""
        return self._loop.run(self._client.rerun(name, namespace=namespace))

    def runs(self, job: str, *, namespace: str | None = None) -> builtins.list[TrainingRun]:
        """What a TrainingJob has trained; see `AsyncClient.runs`."""
        return self._loop.run(self._client.runs(job, namespace=namespace))

    def staged_runs(self, materialization: str, *, namespace: str | None = None) -> builtins.list[StagedRun]:
        """What a Materialization has staged; see `AsyncClient.staged_runs`."""
        return self._loop.run(self._client.staged_runs(materialization, namespace=namespace))

    def promotable(self, mat: Materialization) -> builtins.list[str]:
        """The runs that a Materialization can serve at once; see `AsyncClient.promotable`."""
        return self._loop.run(self._client.promotable(mat))

    def promote(self, name: str, run: str | None = None, *, namespace: str | None = None) -> Materialization:
        """Let a Materialization serve a run; see `AsyncClient.promote`."""
        return self._loop.run(self._client.promote(name, run, namespace=namespace))

    def rollback(self, name: str, run: str | None = None, *, namespace: str | None = None) -> Materialization:
        """Serve the previous run; see `AsyncClient.rollback`."""
        return self._loop.run(self._client.rollback(name, run, namespace=namespace))

    def _iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        async def following() -> T:
            return await anext(items, _END)

        try:
            while (item := self._loop.run(following())) is not _END:
                yield item
        finally:
            self._loop.run(items.aclose())  # type: ignore[attr-defined]
