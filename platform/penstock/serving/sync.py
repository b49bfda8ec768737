"""The serving client without `await`: a thin wrapper."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from penstock.blocking import BlockingLoop
from penstock.serving.aio import TIMEOUT_SECONDS, AsyncGatewayClient
from penstock.serving.answers import FeaturesAnswer, SearchAnswer


class GatewayClient:
    """Asks one gateway; the methods are those of `AsyncGatewayClient`.

    Examples:
        >>> with GatewayClient("http://127.0.0.1:8080") as gateway:
        ...     found = gateway.search("default", "digits", "digit-images", inputs=[image], k=5)
        ...     print(found.run, [hit.id for hit in found.results[0]])
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        *,
        ca: str | Path | ssl.SSLContext | None = None,
    ) -> None:
        self._client = AsyncGatewayClient(url, token, timeout, ca=ca)
        self._loop = BlockingLoop("penstock-gateway-client")

    @classmethod
    def around(cls, client: AsyncGatewayClient) -> Self:
        """A client that asks by an asynchronous one, and closes it."""
        made = cls.__new__(cls)
        made._client = client
        made._loop = BlockingLoop("penstock-gateway-client")
        return made

    @property
    def url(self) -> str:
        """The gateway's address."""
        return self._client.url

    def __enter__(self) -> Self:
        """Use it for a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections and end the thread behind them."""
        self._loop.close(self._client.close)

    def materializations(self) -> list[str]:
        """The materializations that the caller may query; see `AsyncGatewayClient.materializations`."""
        return self._loop.run(self._client.materializations())

    def describe(self, namespace: str, materialization: str, run: str | None = None) -> dict[str, Any]:
        """What is live; see `AsyncGatewayClient.describe`."""
        return self._loop.run(self._client.describe(namespace, materialization, run))

    def features(
        self,
        namespace: str,
        materialization: str,
        view: str,
        entities: Sequence[Mapping[str, Any]],
        features: Sequence[str] | None = None,
        run: str | None = None,
    ) -> FeaturesAnswer:
        """The online features of entities; see `AsyncGatewayClient.features`."""
        asked = self._client.features(namespace, materialization, view, entities, features, run)
        return self._loop.run(asked)

    def search(
        self,
        namespace: str,
        materialization: str,
        collection: str,
        *,
        vectors: Sequence[Sequence[float]] | None = None,
        inputs: Sequence[Any] | None = None,
        k: int = 10,
        where: str = "",
        fields: Sequence[str] | None = None,
        join: Mapping[str, Any] | None = None,
        encoder: str | None = None,
        run: str | None = None,
    ) -> SearchAnswer:
        """The nearest neighbours; see `AsyncGatewayClient.search`."""
        asked = self._client.search(
            namespace,
            materialization,
            collection,
            vectors=vectors,
            inputs=inputs,
            k=k,
            where=where,
            fields=fields,
            join=join,
            encoder=encoder,
            run=run,
        )
        return self._loop.run(asked)
