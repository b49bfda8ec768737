"""Answers and errors on the wire."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response

from penstock.gateway.errors import GatewayError

RUN_HEADER = "Penstock-Run"
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def answer(body: dict[str, Any]) -> Response:
    """200, with the run that answered in a header as in the body; NaN becomes null."""
    headers = {RUN_HEADER: body["run"]} if "run" in body else {}
    return Response(orjson.dumps(body, option=_OPTIONS), media_type="application/json", headers=headers)


def failure(error: GatewayError) -> Response:
    """The error's status code, what went wrong and what to do."""
    headers = {}
    if error.run is not None:
        headers[RUN_HEADER] = error.run
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if error.challenge is not None:
        headers["WWW-Authenticate"] = error.challenge
    # It may quote a query, and a text of JSON may hold half a character, which no answer can.
    message = str(error).encode(errors="backslashreplace").decode()
    body = {"error": type(error).__name__, "message": message, "run": error.run}
    return Response(orjson.dumps(body), error.code, headers, media_type="application/json")
