"""Kubernetes `Status` objects for what went wrong, and lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.responses import JSONResponse

from penstock_operator.local.apiserver.errors import StoreError
from penstock_operator.local.apiserver.resources import ServedKind
from penstock_operator.ports import Object


def failure(code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> JSONResponse:
    """A `Status` with `status: Failure`."""
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "details": details or {},
        "code": code,
    }
    return JSONResponse(body, code)


def refused(error: StoreError) -> JSONResponse:
    """What the store refused."""
    return failure(error.code, error.reason, str(error), error.details)


def success(kind: ServedKind, obj: Object) -> JSONResponse:
    """The answer to a delete."""
    meta = obj["metadata"]
    details = {"name": meta["name"], "group": kind.group, "kind": kind.plural, "uid": meta["uid"]}
    return JSONResponse({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})


def listing(kind: ServedKind, items: Sequence[Object], version: int) -> dict[str, Any]:
    """A list of objects at a resource version."""
    return {
        "kind": f"{kind.kind}List",
        "apiVersion": kind.api_version,
        "metadata": {"resourceVersion": str(version)},
        "items": list(items),
    }
