"""The client for code that is not asynchronous: `AsyncClient` in a thread of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from penstock.blocking import BlockingLoop
from penstock.client.aio import AsyncClient
from penstock.client.delegation import blocking, iterating


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

    get = blocking(AsyncClient.get)
    list = blocking(AsyncClient.list)
    events = blocking(AsyncClient.events)
    logs = iterating(AsyncClient.logs)

    watch = iterating(AsyncClient.watch)

    wait = blocking(AsyncClient.wait)
    wait_served = blocking(AsyncClient.wait_served)

    apply = blocking(AsyncClient.apply)
    apply_path = blocking(AsyncClient.apply_path)

    patch = blocking(AsyncClient.patch)
    delete = blocking(AsyncClient.delete)
    suspend = blocking(AsyncClient.suspend)
    resume = blocking(AsyncClient.resume)
    rerun = blocking(AsyncClient.rerun)

    runs = blocking(AsyncClient.runs)
    staged_runs = blocking(AsyncClient.staged_runs)
    promotable = blocking(AsyncClient.promotable)
    promote = blocking(AsyncClient.promote)
    rollback = blocking(AsyncClient.rollback)
