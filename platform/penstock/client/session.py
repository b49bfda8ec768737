"""What every part of the client stands on: the connection, and typed objects of what comes over it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pydantic

from penstock.client.errors import PenstockError
from penstock.client.kinds import full_name, location
from penstock.client.records import R
from penstock.client.transport import MERGE, Transport


class Session:
    """A connection that closes with its block."""

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

    async def core_document(self, kind: str, name: str, namespace: str) -> dict[str, Any]:
        """A Secret or ConfigMap as the API keeps it.

        Raises:
            NotFound: there is none of this name.
        """
        return await self._get(kind, name, namespace)

    async def get_json(
        self, path: str, headers: Mapping[str, str] | None = None, params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The JSON at any path of the API, also of what it is a proxy to.

        Raises:
            PenstockError: the call failed.
        """
        return await self._transport.document("GET", path, params=params, headers=headers)

    async def get_text(self, path: str) -> str:
        """The text at any path of the API, also of what it is a proxy to.

        Raises:
            PenstockError: the call failed.
        """
        return await self._transport.text(path)

    async def post_json(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """What the API answers to a document, such as a review.

        Raises:
            PenstockError: the call failed.
        """
        return await self._transport.document("POST", path, body)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
        return await self._transport.document("GET", location(kind, namespace or self.namespace, name))

    async def _merge(self, kind: type[R], name: str, patch: dict[str, Any], namespace: str | None) -> R:
        path = location(kind.__name__, namespace or self.namespace, name)
        return typed(kind, await self._transport.patch(path, patch, MERGE))


def typed(kind: type[R], document: dict[str, Any]) -> R:
    """The resource that a document holds.

    Raises:
        PenstockError: it is not of the form that this version knows.
    """
    try:
        return kind.model_validate(document)
    except pydantic.ValidationError as error:
        name = full_name(kind.__name__, str(document["metadata"]["name"]))
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise PenstockError(
            f"{name} has a form that this version of penstock does not know ({where}: {first['msg']}): "
            "upgrade penstock, or look at it with `penstock get -o yaml`"
        ) from error
