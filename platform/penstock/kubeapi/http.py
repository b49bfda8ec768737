"""Requests to the Kubernetes API over httpx2."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx2

from penstock.kubeapi.context import Context
from penstock.kubeapi.credentials import Credentials
from penstock.kubeapi.errors import Refusal
from penstock.kubeapi.tls import tls_context

CONNECT_SECONDS = 5.0
JSON = "application/json"


class Login(httpx2.Auth):
    """Says who calls; what the API refuses is asked for again, once."""

    def __init__(self, credentials: Credentials, server_name: str | None = None) -> None:
        self._credentials, self._server_name = credentials, server_name

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """The request, and again after a 401 that may have a remedy."""
        if self._server_name:
            request.extensions = {**request.extensions, "sni_hostname": self._server_name}
        credential = await self._credentials.get()
        request.headers.update(credential.headers())
        answer = yield request
        if answer.status_code == 401 and self._credentials.forget(credential):
            request.headers.update((await self._credentials.get()).headers())
            yield request


def connect(context: Context, timeout: float = 10.0) -> httpx2.AsyncClient:
    """A client of a context's API; proxies of the environment are not for it.

    Raises:
        KubeconfigError: a certificate cannot be read, or the credentials are of an unknown kind.
    """
    tls = tls_context(context)
    return httpx2.AsyncClient(
        base_url=context.server,
        verify=tls,
        auth=Login(Credentials(context.user, tls), context.cluster.get("tls-server-name")),
        timeout=httpx2.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS)),
        proxy=context.cluster.get("proxy-url"),
        trust_env=False,
    )


class KubeApi:
    """The API of one context: documents in and out.

    Every call raises Refusal where the API answers with an error, `httpx2.HTTPError` where it does not answer, and
    KubeconfigError where no credentials could be got.
    """

    def __init__(self, context: Context, timeout: float = 10.0) -> None:
        self._http = connect(context, timeout)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """The answer to a request."""
        content = None if body is None else json.dumps(body).encode()
        given = {"Accept": JSON, **({"Content-Type": JSON} if content is not None else {}), **(headers or {})}
        answer = await self._http.request(method, path, content=content, params=dict(params or {}), headers=given)
        check(answer)
        return answer

    async def document(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """The JSON object that a request is answered with."""
        return parsed(await self.send(method, path, body, params=params, headers=headers))

    @asynccontextmanager
    async def stream(
        self, path: str, params: Mapping[str, str], *, endless: bool = True
    ) -> AsyncIterator[httpx2.Response]:
        """The answer to a GET whose body is read as it comes; an endless one may be silent for any time."""
        timeout = httpx2.Timeout(self._http.timeout.connect, read=None) if endless else self._http.timeout
        async with self._http.stream("GET", path, params=dict(params), timeout=timeout) as answer:
            if answer.is_error:
                await answer.aread()
            check(answer)
            yield answer

    async def changes(self, path: str, params: Mapping[str, str]) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        """What a watch brings, as type and object, until the server ends it."""
        async with self.stream(path, {**params, "watch": "true"}) as answer, aclosing(_lines(answer)) as lines:
            async for line in lines:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise Refusal(int(event["object"].get("code") or 500), event["object"])
                yield event["type"], event["object"]


def check(answer: httpx2.Response) -> None:
    """Raise a Refusal of an answer that is one."""
    if answer.is_success:
        return
    try:
        body = answer.json()
    except ValueError:
        body = None
    raise Refusal(answer.status_code, body if isinstance(body, dict) else {"message": answer.text[:1024]})


def parsed(answer: httpx2.Response) -> dict[str, Any]:
    """The JSON object of an answer."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(answer.status_code, {"message": f"{answer.url} answered what is no JSON object"})
    return body


async def _lines(answer: httpx2.Response) -> AsyncGenerator[bytes, None]:
    """By line feeds alone: a string of JSON may hold what else ends a line of text."""
    rest: list[bytes] = []
    async for chunk in answer.aiter_bytes():
        *ended, last = chunk.split(b"\n")
        for line in ended:
            whole = b"".join([*rest, line])
            rest = []
            if whole.strip():
                yield whole
        rest.append(last)
