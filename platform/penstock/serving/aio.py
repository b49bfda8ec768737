"""The asynchronous serving client: everything is written here once."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx2

from penstock.serving.answers import FeaturesAnswer, Hit, SearchAnswer
from penstock.serving.errors import (
    Forbidden,
    GatewayUnavailable,
    QueryRefused,
    RateLimited,
    RunNotServed,
    ServingError,
    Unauthorized,
)

TIMEOUT_SECONDS = 30.0
CALLER_HEADER = "X-Penstock-Authorization"
"""Where the gateway looks for its caller when `Authorization` is that of a proxy before it."""
KINDS: Mapping[int, type[ServingError]] = {
    400: QueryRefused,
    401: Unauthorized,
    403: Forbidden,
    404: RunNotServed,
    409: QueryRefused,
    413: QueryRefused,
    503: GatewayUnavailable,
}


class AsyncGatewayClient:
    """Asks one gateway.

    Args:
        url: such as `http://127.0.0.1:8080`; `penstock up` prints it.
        token: sent as a bearer token.
        timeout: seconds to wait for an answer.
        ca: file of the authorities that sign the gateway's certificate, or a context of `ssl`; None for the system's,
            or those of `SSL_CERT_FILE`.
        http: reaches the URL by ways of its own, such as through a Kubernetes API server; all but the URL are its.

    Raises:
        OSError: the file of authorities cannot be used.

    Examples:
        >>> async with AsyncGatewayClient("http://127.0.0.1:8080") as gateway:
        ...     answer = await gateway.features("default", "digits", "digit-features", [{"image_id": 3}])
        ...     print(answer.run, answer.rows)
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        *,
        ca: str | Path | ssl.SSLContext | None = None,
        http: httpx2.AsyncClient | None = None,
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        self.url = url.rstrip("/")
        self._http = http or httpx2.AsyncClient(
            base_url=self.url, headers=headers, timeout=timeout, verify=trusting(ca), trust_env=False
        )

    async def __aenter__(self) -> Self:
        """Use it for a block."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def materializations(self) -> list[str]:
        """The materializations that the caller may query, each as `NAMESPACE/NAME`.

        Raises:
            ServingError: see its subclasses.
        """
        found: list[str] = await self._ask("GET", "/v1", None)
        return found

    async def describe(self, namespace: str, materialization: str, run: str | None = None) -> dict[str, Any]:
        """What is live: the run, its metrics, views and collections, and the runs that may be pinned.

        Raises:
            ServingError: see its subclasses.
        """
        found: dict[str, Any] = await self._ask("GET", _path(namespace, materialization), run)
        return found

    async def features(
        self,
        namespace: str,
        materialization: str,
        view: str,
        entities: Sequence[Mapping[str, Any]],
        features: Sequence[str] | None = None,
        run: str | None = None,
    ) -> FeaturesAnswer:
        """The online features of entities.

        Args:
            namespace: of the Materialization.
            materialization: its name.
            view: name of the FeatureView.
            entities: the join keys of each.
            features: which ones; unset for all.
            run: a kept run to ask instead of the live one.

        Raises:
            ServingError: see its subclasses.
        """
        plain = [{key: _plain(value) for key, value in entity.items()} for entity in entities]
        body = {"entities": plain, "features": features}
        found = await self._ask("POST", _path(namespace, materialization, "features", view), run, body)
        return FeaturesAnswer(found["run"], [row["features"] for row in found["rows"]])

    async def search(
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
        """The nearest neighbours of vectors, or of raw inputs that the run's own encoder turns into vectors.

        Args:
            namespace: of the Materialization.
            materialization: its name.
            collection: name of the VectorCollection.
            vectors: `[queries][dimension]`.
            inputs: `[queries]` nested lists or arrays of the encoder's shape.
            k: neighbours of each.
            where: a Milvus filter on the fields; empty for all rows.
            fields: which fields to bring along; unset for all.
            join: `{"view": …, "features": […]}` to bring the features of each hit along.
            encoder: digest of the encoder that made the vectors (`describe` names the live one): refused where it is
                not the run's.
            run: a kept run to ask instead of the live one.

        Raises:
            ServingError: see its subclasses.
        """
        joined = dict(join) if join else None
        body: dict[str, Any] = {"k": k, "filter": where, "fields": fields, "join": joined, "encoder": encoder}
        if vectors is not None:
            body["vectors"] = [_plain(vector) for vector in vectors]
        if inputs is not None:
            body["inputs"] = [_plain(one) for one in inputs]
        found = await self._ask("POST", _path(namespace, materialization, "vectors", collection), run, body)
        return SearchAnswer(found["run"], [[Hit(**hit) for hit in hits] for hits in found["results"]])

    async def _ask(self, method: str, path: str, run: str | None, body: dict[str, Any] | None = None) -> Any:
        try:
            content = json.dumps(body, allow_nan=False).encode() if body is not None else None
        except (TypeError, ValueError) as error:
            raise QueryRefused(f"The query cannot be sent as JSON: {error}") from error
        headers = {"Content-Type": "application/json"} if content is not None else None
        params = {"run": run} if run else None
        try:
            try:
                answer = await self._http.request(method, path, params=params, content=content, headers=headers)
            except (httpx2.ReadError, httpx2.RemoteProtocolError):
                # One that stops closes its connections; a query changes nothing, so another may be asked.
                answer = await self._http.request(method, path, params=params, content=content, headers=headers)
        except httpx2.HTTPError as error:
            raise GatewayUnavailable(f"The gateway at {self.url} does not answer: {reason(error)}") from error
        if answer.status_code == 200:
            return answer.json()
        raise _error(answer)


def trusting(ca: str | Path | ssl.SSLContext | None) -> ssl.SSLContext:
    """A context that trusts these authorities.

    Raises:
        OSError: the file cannot be used.
    """
    if isinstance(ca, ssl.SSLContext):
        return ca
    # Proxies of the environment are not for a gateway; the authorities of SSL_CERT_FILE are.
    return ssl.create_default_context(cafile=ca) if ca is not None else httpx2.create_ssl_context(trust_env=True)


def reason(error: BaseException) -> str:
    """Why no connection came about: what is wrong with the certificate, or else what the error says."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message})"
        cause = cause.__cause__ or cause.__context__
    return str(error) or type(error).__name__


def _plain(value: Any) -> Any:
    """Lists of numbers of anything that NumPy or torch made."""
    return value.tolist() if hasattr(value, "tolist") else value


def _error(answer: httpx2.Response) -> ServingError:
    try:
        body = answer.json()
        # What is before a gateway, such as an API server, names no run.
        message, run = str(body["message"]), body.get("run")
    except (ValueError, KeyError, TypeError):
        message, run = answer.text[:1000] or answer.reason_phrase, None
    if answer.status_code == 429:
        after = answer.headers.get("Retry-After", "")
        return RateLimited(message, run, float(after) if after.isdigit() else 1.0)
    return KINDS.get(answer.status_code, ServingError)(message, run)


def _path(*names: str) -> str:
    """A route; a name that comes from elsewhere stays one name in it, whatever it holds."""
    for name in names:
        if name in ("", ".", ".."):
            raise QueryRefused(f"{name!r} is no name of an object")
    return "/v1/" + "/".join(quote(name, safe="") for name in names)
