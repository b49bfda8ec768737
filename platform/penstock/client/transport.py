"""One connection to one API: lightkube below, our errors above."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import lightkube
from lightkube.config import client_adapter
from lightkube.core.exceptions import ConfigError as LightkubeConfigError

from penstock.client import config as configuration
from penstock.client import errors

FIELD_MANAGER = "penstock"
LOCAL_CONTEXT = "penstock-local"
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
    """The lightkube client of a context, and plain GETs for what lightkube does not know: tables and logs.

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
        config = configuration.load(kubeconfig, context)
        self.server = config.cluster.server
        self.namespace = namespace or config.namespace
        self.local = config.context_name == LOCAL_CONTEXT
        limit = httpx2.Timeout(timeout, connect=min(timeout, 5.0))
        try:
            self.objects: Any = lightkube.AsyncClient(
                config=config,
                namespace=self.namespace,
                timeout=limit,
                field_manager=FIELD_MANAGER,
                trust_env=False,
            )
            self._http = client_adapter.AsyncClient(
                config, client_adapter.ConnectionParams(timeout=limit, trust_env=False)
            )
        except (LightkubeConfigError, OSError) as error:
            raise errors.ConfigError(f"Context {config.context_name!r} cannot be used: {error}") from error

    async def close(self) -> None:
        """Close the connections."""
        await self.objects.close()
        await self._http.aclose()

    async def get_json(
        self, path: str, params: Mapping[str, str], accept: str, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The body of a GET.

        Raises:
            PenstockError: as `translated`.
        """
        with self.translated():
            sent = {"Accept": accept, **(headers or {})}
            return _body(await self._http.get(path, params=dict(params), headers=sent))

    async def get_text(self, path: str) -> str:
        """The body of a GET, as text.

        Raises:
            PenstockError: as `translated`.
        """
        with self.translated():
            answer = await self._http.get(path)
            answer.raise_for_status()
            return answer.text

    async def post_json(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The body of the answer to a POST.

        Raises:
            PenstockError: as `translated`.
        """
        with self.translated():
            return _body(await self._http.post(path, json=dict(body)))

    @asynccontextmanager
    async def stream(self, path: str, params: Mapping[str, str], follow: bool) -> AsyncIterator[AsyncIterator[str]]:
        """The lines of a GET, as they come.

        Raises:
            PenstockError: as `translated`.
        """
        timeout = httpx2.Timeout(self._http.timeout.connect, read=None) if follow else self._http.timeout
        with self.translated():
            async with self._http.stream("GET", path, params=dict(params), timeout=timeout) as answer:
                if answer.is_error:
                    await answer.aread()
                answer.raise_for_status()
                yield answer.aiter_lines()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn the errors of lightkube and httpx2 into ours; the one place that knows them.

        Raises:
            ApiError: the API refused the call; a subclass by its reason.
            Unreachable: it does not answer.
            ConfigError: no credentials could be got.
        """
        try:
            yield
        except lightkube.ApiError as error:
            raise _refusal(error.status.to_dict(), int(error.status.code or 500)) from error
        except httpx2.HTTPStatusError as error:
            raise _refusal(_status(error.response), error.response.status_code) from error
        except httpx2.TimeoutException as error:
            raise errors.Unreachable(f"The API at {self.server} did not answer in time{self._hint()}") from error
        except httpx2.HTTPError as error:
            raise errors.Unreachable(f"The API at {self.server} does not answer ({error}){self._hint()}") from error
        except LightkubeConfigError as error:
            raise errors.ConfigError(f"No credentials for the API at {self.server}: {error}") from error

    def _hint(self) -> str:
        return ": start the local stack with `penstock up`" if self.local else ": check the kubeconfig and the network"


def _body(answer: httpx2.Response) -> dict[str, Any]:
    answer.raise_for_status()
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise errors.ApiError(answer.status_code, "", f"{answer.url} answered what is no JSON object")
    return body


def _status(answer: httpx2.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {"message": answer.text[:1024]}


def _refusal(status: Mapping[str, Any], code: int) -> errors.ApiError:
    reason = str(status.get("reason") or "")
    message = str(status.get("message") or f"The API answered {code}")
    causes = [str(cause.get("message") or "") for cause in (status.get("details") or {}).get("causes") or ()]
    kind = BY_REASON.get(reason) or BY_CODE.get(code, errors.ApiError)
    return kind(code, reason, message, causes)
