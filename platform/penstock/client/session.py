"""What every part of the client stands on: the connection, its namespace, and typed objects of what comes over it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pydantic

from penstock.api import KINDS
from penstock.client.errors import ApiError, NotPossible, PenstockError
from penstock.client.kinds import full_name, location
from penstock.client.records import R
from penstock.client.transport import MERGE, Transport


class Session:
    """A connection and the namespace of every call that names none."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    @property
    def namespace(self) -> str:
        """The namespace of every call that names none."""
        return self.transport.namespace

    async def core_document(self, kind: str, name: str, namespace: str) -> dict[str, Any]:
        """A Secret or ConfigMap as the API keeps it.

        Raises:
            NotFound: there is none of this name.
        """
        return await self.document(kind, name, namespace)

    async def get_json(
        self, path: str, headers: Mapping[str, str] | None = None, params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The JSON at any path of the API, also of what it is a proxy to.

        Raises:
            PenstockError: the call failed.
        """
        return await self.transport.document("GET", path, params=params, headers=headers)

    async def get_text(self, path: str) -> str:
        """The text at any path of the API, also of what it is a proxy to.

        Raises:
            PenstockError: the call failed.
        """
        return await self.transport.text(path)

    async def post_json(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """What the API answers to a document, such as a review.

        Raises:
            PenstockError: the call failed.
        """
        return await self.transport.document("POST", path, body)

    async def document(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
        """An object of any kind as the API keeps it."""
        return await self.transport.document("GET", location(kind, namespace or self.namespace, name))

    async def merge(self, kind: type[R], name: str, patch: Mapping[str, Any], namespace: str | None) -> R:
        """An object as it is after a merge patch."""
        path = location(kind.__name__, namespace or self.namespace, name)
        return typed(kind, await self.transport.patch(path, patch, MERGE))

    async def delete(self, kind: str, name: str, namespace: str | None) -> None:
        """Ask that an object goes.

        Raises:
            NotPossible: a rule of its kind keeps it.
            NotFound: there is none of this name.
        """
        try:
            await self.transport.document("DELETE", location(kind, namespace or self.namespace, name))
        except ApiError as error:
            # A cluster wraps the rule in the names of policies, which tell nobody what to do.
            for rule in KINDS[kind].DELETION_RULES if kind in KINDS else ():
                if rule.message in error.message:
                    raise NotPossible(f"{full_name(kind, name)} cannot be deleted: {rule.message}") from error
            raise


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
