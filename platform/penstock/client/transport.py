"""One connection to one API: its errors are ours."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx2

from penstock.client import config as configuration
from penstock.client import errors
from penstock.kubeapi.errors import KubeconfigError, Refusal
from penstock.kubeapi.http import KubeApi

FIELD_MANAGER = "penstock"
STRICT = {"fieldValidation": "Strict"}
"""Without it the API server drops an unknown field with a warning that nobody reads."""
LOCAL_CONTEXT = "penstock-local"
MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
UNKNOWN_FIELD = ("unknown field", "field not declared in schema")
"""How the API server tells of one that the schema has not: of a write, and of a server-side apply."""
BY_REASON: Mapping[str, type[errors.ApiError]] = {
    "NotFound": errors.NotFound,
    "AlreadyExists": errors.AlreadyExists,
    "Conflict": errors.Conflict,
    "Invalid": errors.Invalid,
    "Unauthorized": errors.Unauthorized,
    "Forbidden": errors.Forbidden,
}
BY_CODE: Mapping[int, type[errors.ApiError]] = {
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.Conflict,
    422: errors.Invalid,
}


class Transport:
    """The API of a context; every call raises our errors, as `translated` says.

    Raises:
        ConfigError: there is no kubeconfig, or it cannot be used.
    """

    def __init__(
        self,
        kubeconfig: str | Path | None = None,
        context: str | None = None,
        namespace: str | None = None,
        timeout: float = 10.0,
    ) -> None:
        chosen = configuration.load(kubeconfig, context)
        self.server = chosen.server
        self.namespace = namespace or chosen.namespace
        self.local = chosen.name == LOCAL_CONTEXT
        try:
            self._api = KubeApi(chosen, timeout)
        except KubeconfigError as error:
            raise errors.ConfigError(f"Context {chosen.name!r} cannot be used: {error}") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def document(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """The JSON object that a call is answered with."""
        with self.translated():
            return await self._api.document(method, path, body, params=params, headers=headers)

    async def patch(
        self, path: str, patch: Mapping[str, Any], type_: str, params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The object as it is after a patch of one of the types above; a field that its schema has not is refused."""
        owned = {"fieldManager": FIELD_MANAGER, **STRICT, **(params or {})}
        return await self.document("PATCH", path, patch, params=owned, headers={"Content-Type": type_})

    async def text(self, path: str) -> str:
        """The body of a GET, as text."""
        with self.translated():
            return (await self._api.send("GET", path, headers={"Accept": "*/*"})).text

    @asynccontextmanager
    async def stream(self, path: str, params: Mapping[str, str], follow: bool) -> AsyncIterator[AsyncIterator[str]]:
        """The lines of a GET, as they come."""
        with self.translated():
            async with self._api.stream(path, params, endless=follow) as answer:
                yield answer.aiter_lines()

    async def changes(self, path: str, params: Mapping[str, str]) -> AsyncGenerator[tuple[Any, dict[str, Any]], None]:
        """What a watch brings, as type and object, until the server ends it."""
        with self.translated():
            async with aclosing(self._api.changes(path, params)) as changes:
                async for change in changes:
                    yield change

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn the errors of the connection into ours; the one place that knows them.

        Raises:
            ApiError: the API refused the call; a subclass by its reason.
            Unreachable: it does not answer.
            ConfigError: no credentials could be got.
        """
        try:
            yield
        except Refusal as error:
            raise _refusal(error.status, error.code) from error
        except httpx2.TimeoutException as error:
            raise errors.Unreachable(f"The API at {self.server} did not answer in time{self._hint()}") from error
        except httpx2.HTTPError as error:
            raise errors.Unreachable(f"The API at {self.server} does not answer ({error}){self._hint()}") from error
        except KubeconfigError as error:
            raise errors.ConfigError(f"No credentials for the API at {self.server}: {error}") from error

    def _hint(self) -> str:
        return ": start the local stack with `penstock up`" if self.local else ": check the kubeconfig and the network"


def _refusal(status: Mapping[str, Any], code: int) -> errors.ApiError:
    reason = str(status.get("reason") or "")
    message = str(status.get("message") or f"The API answered {code}")
    causes = [
        ": ".join(str(cause[part]) for part in ("field", "message") if cause.get(part))
        for cause in (status.get("details") or {}).get("causes") or ()
    ]
    kind = BY_REASON.get(reason) or BY_CODE.get(code, errors.ApiError)
    # A server-side apply is told so by 500, though no server failed.
    if code in (HTTPStatus.BAD_REQUEST, HTTPStatus.INTERNAL_SERVER_ERROR) and any(
        said in message for said in UNKNOWN_FIELD
    ):
        kind = errors.Invalid
    return kind(code, reason, message, causes)
