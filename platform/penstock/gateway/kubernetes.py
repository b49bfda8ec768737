"""The Kubernetes API, as far as the gateway asks it: the only module that knows the client below."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import Any, NamedTuple

import httpx2

from penstock.api import GROUP, KINDS, VERSION
from penstock.gateway.rbac import rule
from penstock.kubeapi.context import Context, from_environment
from penstock.kubeapi.errors import KubeconfigError, Refusal
from penstock.kubeapi.http import KubeApi

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

    def path(self, namespace: str, name: str = "") -> str:
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        within = f"/namespaces/{namespace}" if namespace not in ("", ALL) else ""
        return "/".join(filter(None, [f"{root}{within}/{self.plural}", name]))


_PLACES = {
    **{name: _Place(GROUP, VERSION, kind.PLURAL) for name, kind in KINDS.items()},
    "Secret": _Place("", "v1", "secrets"),
    "Lease": _Place("coordination.k8s.io", "v1", "leases"),
    "TokenReview": _Place("authentication.k8s.io", "v1", "tokenreviews"),
    "SubjectAccessReview": _Place("authorization.k8s.io", "v1", "subjectaccessreviews"),
}


class Kubernetes:
    """Reads and writes objects, as plain JSON.

    Every call raises:
        ApiAway: the API does not answer.
        MissingRight: the gateway's user may not do this.
        ApiRefused: the API says no for another reason.
    """

    def __init__(self, context: Context | None = None) -> None:
        """Connect.

        Args:
            context: says where the API is; None for what KUBECONFIG names, or the service account of the pod.

        Raises:
            KubeconfigError: nothing says where the API is.
        """
        context = context or from_environment()
        self._api = KubeApi(context)
        self.namespace = context.namespace
        """The gateway's own: that of its service account, or of the context of its kubeconfig."""

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object, or None where there is none."""
        try:
            with _translated("get", kind, namespace, name):
                return await self._api.document("GET", _PLACES[kind].path(namespace, name))
        except ApiRefused as error:
            if error.code == 404:
                return None
            raise

    async def list(self, kind: str, namespace: str = ALL, labels: Mapping[str, str] | None = None) -> Listed:
        """The objects of a kind that have these labels."""
        params = {"limit": str(PAGE)}
        if labels:
            params["labelSelector"] = ",".join(f"{name}={value}" for name, value in labels.items())
        items: list[Object] = []
        with _translated("list", kind, namespace):
            while True:
                page = await self._api.document("GET", _PLACES[kind].path(namespace), params=params)
                items += page.get("items") or []
                if not (token := page["metadata"].get("continue")):
                    return Listed(items, str(page["metadata"].get("resourceVersion", "")))
                params = {**params, "continue": token}

    async def watch(self, kind: str, namespace: str, version: str) -> AsyncIterator[tuple[str, Object]]:
        """What happens to the objects of a kind after a version: `ADDED`, `MODIFIED` or `DELETED`, and the object."""
        with _translated("watch", kind, namespace):
            changes = self._api.changes(_PLACES[kind].path(namespace), {"resourceVersion": version})
            async with aclosing(changes):
                async for change in changes:
                    yield change

    async def create(self, body: Object) -> Object:
        """The object as the API made it."""
        kind, namespace = body["kind"], body.get("metadata", {}).get("namespace", "")
        with _translated("create", kind, namespace):
            return await self._api.document("POST", _PLACES[kind].path(namespace), body)

    async def put(self, body: Object) -> None:
        """See that an object that is this process's alone is there and says this."""
        kind, meta = body["kind"], body["metadata"]
        path = _PLACES[kind].path(meta["namespace"], meta["name"])
        try:
            with _translated("patch", kind, meta["namespace"], meta["name"]):
                await self._api.document("PATCH", path, body, headers={"Content-Type": "application/merge-patch+json"})
        except ApiRefused as error:
            if error.code != 404:
                raise
            await self.create(body)

    async def delete(self, kind: str, namespace: str, name: str) -> None:
        """See that there is no such object."""
        try:
            with _translated("delete", kind, namespace, name):
                await self._api.send("DELETE", _PLACES[kind].path(namespace, name))
        except ApiRefused as error:
            if error.code != 404:
                raise


@contextmanager
def _translated(verb: str, kind: str, namespace: str, name: str = "") -> Iterator[None]:
    """Let the errors of the client come out as ours."""
    try:
        yield
    except Refusal as error:
        code = error.code
        if code != 403:
            raise ApiRefused(str(error), code) from error
        place = _PLACES[kind]
        where = "in all namespaces" if namespace == ALL else f"in namespace {namespace!r}" if namespace else ""
        what = " ".join(filter(None, [f"{kind} {name!r}" if name else place.plural, where]))
        granted = f"grant its service account the rule {rule(place.group, place.plural, [verb], name or None)}"
        raise MissingRight(f"the gateway may not {verb} {what}: {granted}", code) from error
    except (httpx2.HTTPError, KubeconfigError, OSError) as error:
        raise ApiAway(f"the Kubernetes API does not answer: {str(error) or type(error).__name__}") from error
