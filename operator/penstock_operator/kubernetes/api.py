"""The Kubernetes REST API, as far as the operator calls it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Self

import httpx2
from lightkube import KubeConfig
from lightkube.config import client_adapter
from lightkube.config.kubeconfig import SingleConfig

from penstock_operator.kubernetes.kinds import PLACES
from penstock_operator.ports import Conflict, Missing, Object, Refused, Unreachable

FIELD_MANAGER = "penstock-operator"
PAGE = 500
TIMEOUT_SECONDS, CONNECT_SECONDS = 10.0, 3.0
CONNECTIONS = 64
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


def configuration() -> SingleConfig:
    """The cluster of `KUBECONFIG`, or that of the pod's service account."""
    config = KubeConfig.from_env().get()
    assert config is not None
    return config


class Api:
    """Reads and writes objects as they are on the wire.

    Every call raises Unreachable when the API does not answer or asks for patience, Refused when it says no for good,
    and a write raises Conflict when the object changed since it was read, or is gone.
    """

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    @classmethod
    def connect(cls, config: SingleConfig) -> Self:
        """A client with the credentials of a kubeconfig or service account; tokens that rotate are read again."""
        timeout = httpx2.Timeout(TIMEOUT_SECONDS, connect=CONNECT_SECONDS)
        params = client_adapter.ConnectionParams(timeout=timeout, trust_env=False)
        limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        return cls(httpx2.AsyncClient(**params.httpx_params(config), limits=limits))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object, or None where there is none."""
        answer = await self._call("GET", PLACES[kind].path(namespace, name))
        return None if answer.status_code == 404 else _body(answer)

    async def select(self, kind: str, namespace: str, selector: str) -> list[Object]:
        """The objects of a namespace with these labels."""
        return [obj async for page in self.pages(kind, namespace, selector=selector) for obj in page]

    async def pages(
        self, kind: str, namespace: str | None, *, selector: str = "", metadata_only: bool = False
    ) -> AsyncIterator[list[Object]]:
        """The objects of a kind, of one namespace or of all, some hundreds at a time.

        A kind that the API does not know has no objects.
        """
        params = {"limit": str(PAGE), **({"labelSelector": selector} if selector else {})}
        headers = {"Accept": METADATA_ONLY} if metadata_only else None
        while True:
            answer = await self._call("GET", PLACES[kind].path(namespace), params=params, headers=headers)
            if answer.status_code == 404:
                return
            body = _body(answer)
            named = {"apiVersion": PLACES[kind].api_version, "kind": kind}
            yield [{**item, **named} for item in body["items"] or ()]
            if not (token := body["metadata"].get("continue")):
                return
            params["continue"] = token

    async def create(self, obj: Object) -> Object:
        """Create an object.

        Raises:
            Conflict: there is one of this name.
            Missing: the namespace or the kind is not there.
        """
        path = PLACES[obj["kind"]].path(obj["metadata"]["namespace"])
        answer = await self._call("POST", path, params={"fieldManager": FIELD_MANAGER}, json=obj)
        if answer.status_code == 404:
            raise Missing(f"There is no {obj['kind']} here: {_message(answer)}")
        return _written(answer)

    async def replace(self, obj: Object, subresource: str = "") -> Object:
        """Replace an object, or one of its subresources, as it was read."""
        meta = obj["metadata"]
        path = PLACES[obj["kind"]].path(meta["namespace"], meta["name"], *filter(None, [subresource]))
        return _written(await self._call("PUT", path, params={"fieldManager": FIELD_MANAGER}, json=obj))

    async def merge(self, obj: Object, patch: Mapping[str, Any]) -> Object:
        """Merge a patch into an object."""
        return await self._patch(obj, patch, "application/merge-patch+json", {})

    async def apply(self, obj: Object) -> Object:
        """Server-side apply: the fields given are ours, whoever set them before."""
        return await self._patch(obj, obj, "application/apply-patch+yaml", {"force": "true"})

    async def delete(
        self, kind: str, namespace: str, name: str, uid: str | None = None, *, foreground: bool = False
    ) -> None:
        """Delete an object and what it owns, before it or after; one that is gone is fine."""
        policy = {"propagationPolicy": "Foreground" if foreground else "Background"}
        options = {**policy, **({"preconditions": {"uid": uid}} if uid else {})}
        answer = await self._call("DELETE", PLACES[kind].path(namespace, name), json=options)
        if answer.status_code not in (404, 409):
            _written(answer)

    async def _patch(self, obj: Object, patch: Mapping[str, Any], media: str, params: Mapping[str, str]) -> Object:
        meta = obj["metadata"]
        return _written(
            await self._call(
                "PATCH",
                PLACES[obj["kind"]].path(meta["namespace"], meta["name"]),
                params={"fieldManager": FIELD_MANAGER, **params},
                json=patch,
                headers={"Content-Type": media},
            )
        )

    async def _call(self, method: str, path: str, **kwargs: Any) -> httpx2.Response:
        try:
            return await self._http.request(method, path, **kwargs)
        except httpx2.HTTPError as error:
            raise Unreachable(f"The Kubernetes API did not answer: {error or type(error).__name__}") from error


def _written(answer: httpx2.Response) -> Object:
    if answer.status_code in (404, 409):
        raise Conflict(_message(answer))
    return _body(answer)


def _body(answer: httpx2.Response) -> Object:
    if answer.is_success:
        body: Object = answer.json()
        return body
    message = f"The Kubernetes API answered {answer.status_code}: {_message(answer)}"
    if answer.status_code in (401, 408, 410, 429) or answer.status_code >= 500:
        raise Unreachable(message)
    raise Refused(message)


def _message(answer: httpx2.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:1024]
