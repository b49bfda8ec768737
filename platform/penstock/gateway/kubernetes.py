"""The Kubernetes API, as far as the gateway asks it: the only module that knows the client below."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
from lightkube import ApiError, AsyncClient, KubeConfig
from lightkube.core.exceptions import ConfigError
from lightkube.generic_resource import create_global_resource, create_namespaced_resource
from lightkube.types import PatchType

from penstock.api import GROUP, KINDS, VERSION
from penstock.gateway.rbac import rule

Object = dict[str, Any]
ALL = "*"
"""In place of a namespace: all of them."""
PAGE = 250


class KubernetesError(Exception):
    """The API did not do what was asked."""


class ApiAway(KubernetesError):
    """It does not answer."""


class ApiRefused(KubernetesError):
    """It answers no; `code` is the HTTP status."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class MissingRight(ApiRefused):
    """The gateway's user may not do it; the message says what to grant."""


class Listed(NamedTuple):
    """The objects that there are, and the version to watch from."""

    items: list[Object]
    version: str


class _Place(NamedTuple):
    group: str
    version: str
    plural: str
    resource: Any


def _place(group: str, version: str, kind: str, plural: str, *, namespaced: bool = True) -> _Place:
    make = create_namespaced_resource if namespaced else create_global_resource
    return _Place(group, version, plural, make(group, version, kind, plural))


_PLACES = {
    **{name: _place(GROUP, VERSION, name, kind.PLURAL) for name, kind in KINDS.items()},
    "Secret": _place("", "v1", "Secret", "secrets"),
    "Lease": _place("coordination.k8s.io", "v1", "Lease", "leases"),
    "TokenReview": _place("authentication.k8s.io", "v1", "TokenReview", "tokenreviews", namespaced=False),
    "SubjectAccessReview": _place(
        "authorization.k8s.io", "v1", "SubjectAccessReview", "subjectaccessreviews", namespaced=False
    ),
}


class Kubernetes:
    """Reads and writes objects, as plain JSON.

    Every call raises:
        ApiAway: the API does not answer.
        MissingRight: the gateway's user may not do this.
        ApiRefused: the API says no for another reason.
    """

    def __init__(self, kubeconfig: Path | None = None) -> None:
        """Connect.

        Args:
            kubeconfig: says where the API is; None for what KUBECONFIG names, or the service account of the pod.
        """
        config = KubeConfig.from_file(kubeconfig) if kubeconfig is not None else KubeConfig.from_env()
        # Addresses of the API are given outright; proxies of the environment are not for it.
        self._client: Any = AsyncClient(config=config, trust_env=False)
        self.namespace: str = self._client.namespace
        """The gateway's own: that of its service account, or of the context of its kubeconfig."""

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object, or None where there is none."""
        try:
            with _translated("get", kind, namespace, name):
                found = await self._client.get(_PLACES[kind].resource, name, namespace=namespace)
        except ApiRefused as error:
            if error.code == 404:
                return None
            raise
        return dict(found.to_dict())

    async def list(self, kind: str, namespace: str = ALL, labels: Mapping[str, str] | None = None) -> Listed:
        """The objects of a kind that have these labels."""
        with _translated("list", kind, namespace):
            answer = self._client.list(
                _PLACES[kind].resource, namespace=namespace, labels=dict(labels or {}), chunk_size=PAGE
            )
            items = [dict(one.to_dict()) async for one in answer]
            return Listed(items, str(answer.resourceVersion))

    async def watch(self, kind: str, namespace: str, version: str) -> AsyncIterator[tuple[str, Object]]:
        """What happens to the objects of a kind after a version: `ADDED`, `MODIFIED` or `DELETED`, and the object."""
        with _translated("watch", kind, namespace):
            events = self._client.watch(_PLACES[kind].resource, namespace=namespace, resource_version=version)
            async for change, one in events:
                yield change, dict(one.to_dict())

    async def create(self, body: Object) -> Object:
        """The object as the API made it."""
        kind, namespace = body["kind"], body.get("metadata", {}).get("namespace", "")
        with _translated("create", kind, namespace):
            return dict((await self._client.create(_PLACES[kind].resource.from_dict(body))).to_dict())

    async def put(self, body: Object) -> None:
        """See that an object that is this process's alone is there and says this."""
        kind, meta = body["kind"], body["metadata"]
        try:
            with _translated("patch", kind, meta["namespace"], meta["name"]):
                await self._client.patch(
                    _PLACES[kind].resource, meta["name"], body, namespace=meta["namespace"], patch_type=PatchType.MERGE
                )
        except ApiRefused as error:
            if error.code != 404:
                raise
            await self.create(body)

    async def delete(self, kind: str, namespace: str, name: str) -> None:
        """See that there is no such object."""
        try:
            with _translated("delete", kind, namespace, name):
                await self._client.delete(_PLACES[kind].resource, name, namespace=namespace)
        except ApiRefused as error:
            if error.code != 404:
                raise


@contextmanager
def _translated(verb: str, kind: str, namespace: str, name: str = "") -> Iterator[None]:
    """Let the errors of the client come out as ours."""
    try:
        yield
    except ApiError as error:
        code = error.status.code or 500
        if code != 403:
            raise ApiRefused(str(error), code) from error
        place = _PLACES[kind]
        where = "in all namespaces" if namespace == ALL else f"in namespace {namespace!r}" if namespace else ""
        what = " ".join(filter(None, [f"{kind} {name!r}" if name else place.plural, where]))
        granted = f"grant its service account the rule {rule(place.group, place.plural, [verb], name or None)}"
        raise MissingRight(f"the gateway may not {verb} {what}: {granted}", code) from error
    except (httpx2.HTTPError, ConfigError, OSError) as error:
        raise ApiAway(f"the Kubernetes API does not answer: {str(error) or type(error).__name__}") from error
