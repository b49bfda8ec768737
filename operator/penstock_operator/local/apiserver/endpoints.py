"""The verbs of the embedded API on one kind."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import yaml
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from penstock_operator.local.apiserver import metadata, patches, responses
from penstock_operator.local.apiserver.errors import Gone, NotFound, Stale, StoreError
from penstock_operator.local.apiserver.resources import ServedKind
from penstock_operator.local.apiserver.selection import Selection
from penstock_operator.local.apiserver.selectors import Selector, selector
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.local.apiserver.tables import table
from penstock_operator.ports import Object

BOOKMARK_SECONDS = 10.0
WATCH_SECONDS = 300.0


class Endpoints:
    """create, get, list, watch, update, patch, delete and the status subresource."""

    def __init__(self, store: ObjectStore, kind: ServedKind) -> None:
        self._store = store
        self._kind = kind

    async def collection(self, request: Request) -> Response:
        """GET (list, watch) and POST (create)."""
        try:
            if request.method == "POST":
                return self._create(request, self._object(request, await request.body()))
            return self._list(request)
        except StoreError as error:
            return responses.refused(error)
        except ValueError as error:
            return responses.failure(400, "BadRequest", str(error))

    async def item(self, request: Request) -> Response:
        """GET, PUT, PATCH and DELETE of one object."""
        name = request.path_params["name"]
        namespace = self._namespace(request)
        try:
            match request.method:
                case "GET":
                    return self._answer(request, self._store.get(self._kind.kind, namespace, name))
                case "DELETE":
                    return self._delete(request, namespace, name, await request.body())
                case "PUT":
                    old = self._store.get(self._kind.kind, namespace, name)
                    return self._write(request, old, self._object(request, await request.body()))
                case _:
                    return self._patch(request, namespace, name, await request.body())
        except StoreError as error:
            return responses.refused(error)
        except ValueError as error:
            return responses.failure(400, "BadRequest", str(error))

    async def status(self, request: Request) -> Response:
        """GET, PUT and PATCH of the status alone."""
        name, namespace = request.path_params["name"], self._namespace(request)
        try:
            old = self._store.get(self._kind.kind, namespace, name)
            if request.method == "GET":
                return JSONResponse(old)
            body = self._parse(await request.body())
            self._named(body, namespace, name)
            new = body if request.method == "PUT" else patches.merge(old, body)
            meta = {**old["metadata"], "resourceVersion": (body.get("metadata") or {}).get("resourceVersion", "")}
            return JSONResponse(self._store.update_status({**old, "metadata": meta, "status": new.get("status", {})}))
        except StoreError as error:
            return responses.refused(error)
        except ValueError as error:
            return responses.failure(400, "BadRequest", str(error))

    # Reading

    def _list(self, request: Request) -> Response:
        query = request.query_params
        matches = selector(query.get("labelSelector", ""), query.get("fieldSelector", ""))
        namespace = request.path_params.get("namespace") if self._kind.namespaced else None
        if query.get("watch", "").lower() in ("1", "true"):
            since = int(query.get("resourceVersion") or 0)
            limit = min(float(query.get("timeoutSeconds") or WATCH_SECONDS), WATCH_SECONDS)
            lines = self._watch(request, namespace, matches, since, limit)
            return StreamingResponse(lines, media_type="application/json")
        version = self._store.version
        items = [obj for obj in self._store.list(self._kind.kind, namespace) if matches(obj)]
        if _wants_table(request):
            return JSONResponse(table(self._kind, items, version))
        return JSONResponse(responses.listing(self._kind, items, version))

    async def _watch(
        self, request: Request, namespace: str | None, matches: Selector, since: int, limit: float
    ) -> AsyncIterator[bytes]:
        woken = asyncio.Event()
        unlisten = self._store.listen(woken.set)
        deadline = time.monotonic() + limit
        as_table = _wants_table(request)
        try:
            known: Sequence[Object] = []
            if since == 0:
                since = self._store.version
                known = self._store.list(self._kind.kind, namespace)
                for obj in filter(matches, known):
                    yield self._line("ADDED", obj, as_table)
            elif _selective(request):
                known = self._store.at(self._kind.kind, since, namespace)
            selection = Selection(matches, known) if _selective(request) else None
            while (left := deadline - time.monotonic()) > 0:
                woken.clear()
                changes = self._store.changes(self._kind.kind, since, namespace)
                for change in changes:
                    since = change.version
                    told = selection.told(change) if selection is not None else (change.type, change.object)
                    if told is not None:
                        yield self._line(*told, as_table)
                try:
                    await asyncio.wait_for(woken.wait(), min(left, BOOKMARK_SECONDS))
                except TimeoutError:
                    if woken.is_set():
                        # The change came as the wait ended; it is not to be passed over.
                        continue
                    since = self._store.version
                    if request.query_params.get("allowWatchBookmarks") == "true":
                        yield self._bookmark(since)
        except Gone as error:
            status = responses.refused(error).body
            yield b'{"type":"ERROR","object":' + bytes(status) + b"}\n"
        finally:
            unlisten()

    def _line(self, type_: str, obj: Object, as_table: bool) -> bytes:
        shown = table(self._kind, [obj], int(obj["metadata"]["resourceVersion"])) if as_table else obj
        return json.dumps({"type": type_, "object": shown}).encode() + b"\n"

    def _bookmark(self, version: int) -> bytes:
        meta = {"resourceVersion": str(version)}
        obj = {"kind": self._kind.kind, "apiVersion": self._kind.api_version, "metadata": meta}
        return json.dumps({"type": "BOOKMARK", "object": obj}).encode() + b"\n"

    def _answer(self, request: Request, obj: Object, code: int = 200) -> Response:
        if _wants_table(request):
            return JSONResponse(table(self._kind, [obj], self._store.version), code)
        return JSONResponse(obj, code)

    # Writing

    def _create(self, request: Request, obj: Object) -> Response:
        obj, problem = self._admit(obj, None)
        if problem is not None:
            return problem
        if _dry_run(request):
            return JSONResponse(obj, 201)
        return self._answer(request, self._store.create(obj), 201)

    def _write(self, request: Request, old: Object, obj: Object) -> Response:
        obj, problem = self._admit(obj, old)
        if problem is not None:
            return problem
        return self._answer(request, obj if _dry_run(request) else self._store.update(obj))

    def _patch(self, request: Request, namespace: str, name: str, body: bytes) -> Response:
        media = request.headers.get("content-type", "").split(";")[0]
        patch = self._parse(body)
        try:
            old: Object | None = self._store.get(self._kind.kind, namespace, name)
        except NotFound:
            if media != "application/apply-patch+yaml":
                raise
            old = None
        if media == "application/apply-patch+yaml":
            applied = self._named(patch, namespace, name)
            manager = request.query_params.get("fieldManager")
            if not manager:
                raise ValueError("fieldManager is required for an apply patch")
            new = patches.apply(old, applied, manager)
        elif media in ("application/merge-patch+json", "application/strategic-merge-patch+json"):
            new = self._named(patches.merge(old, patch), namespace, name)
        else:
            return responses.failure(415, "UnsupportedMediaType", f"{media} is not served: use a merge patch or apply")
        return self._create(request, new) if old is None else self._write(request, old, new)

    def _delete(self, request: Request, namespace: str, name: str, body: bytes) -> Response:
        options = self._parse(body) if body else {}
        old = self._store.get(self._kind.kind, namespace, name)
        for field, wanted in (options.get("preconditions") or {}).items():
            if wanted != old["metadata"].get(field):
                raise Stale(f"{self._kind.kind} {name!r} has {field} {old['metadata'].get(field)!r}, not {wanted!r}")
        if _dry_run(request) or options.get("dryRun"):
            return responses.success(self._kind, old)
        return responses.success(self._kind, self._store.delete(self._kind.kind, namespace, name))

    def _admit(self, obj: Object, old: Object | None) -> tuple[Object, Response | None]:
        """Default and check an object as its definition says."""
        metadata.check(obj)
        if self._kind.kind == "Secret":
            obj = _with_string_data(obj)
        validator = self._kind.validator
        if validator is None:
            return obj, None
        unknown = validator.unknown_fields(obj)
        obj = validator.default(obj)
        errors = unknown or validator.validate(obj, old)
        return obj, responses.invalid(self._kind, obj["metadata"].get("name", ""), errors) if errors else None

    # What was sent

    def _namespace(self, request: Request) -> str:
        return str(request.path_params.get("namespace", "")) if self._kind.namespaced else ""

    def _parse(self, body: bytes) -> dict[str, Any]:
        try:
            parsed = json.loads(body)
        except (ValueError, RecursionError):
            parsed = _yaml(body)
        if not isinstance(parsed, dict):
            raise ValueError("The body is not an object")
        return parsed

    def _object(self, request: Request, body: bytes) -> Object:
        obj = self._parse(body)
        given = (obj.get("metadata") or {}).get("name")
        if not given:
            raise ValueError("metadata.name is required")
        return self._named(obj, self._namespace(request), str(request.path_params.get("name", given)))

    def _named(self, obj: Object, namespace: str, name: str) -> Object:
        if obj.get("kind", self._kind.kind) != self._kind.kind:
            raise ValueError(f"kind is {obj['kind']!r}, and the path is that of {self._kind.kind}")
        meta = {**(obj.get("metadata") or {})}
        if meta.get("namespace", namespace) != namespace:
            raise ValueError(f"metadata.namespace is {meta['namespace']!r}, and the path says {namespace!r}")
        if meta.get("name", name) != name:
            raise ValueError(f"metadata.name is {meta['name']!r}, and the path says {name!r}")
        meta["name"] = name
        if self._kind.namespaced:
            meta["namespace"] = namespace
        return {**obj, "apiVersion": self._kind.api_version, "kind": self._kind.kind, "metadata": meta}


def _yaml(body: bytes) -> Any:
    try:
        return yaml.safe_load(body)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"The body is neither JSON nor YAML: {error}") from error


def _selective(request: Request) -> bool:
    return any(request.query_params.get(name) for name in ("labelSelector", "fieldSelector"))


def _wants_table(request: Request) -> bool:
    return "as=Table" in request.headers.get("accept", "")


def _dry_run(request: Request) -> bool:
    return request.query_params.get("dryRun") == "All"


def _with_string_data(obj: Object) -> Object:
    plain = obj.get("stringData") or {}
    encoded = {name: base64.b64encode(str(value).encode()).decode() for name, value in plain.items()}
    rest = {name: value for name, value in obj.items() if name != "stringData"}
    return {**rest, "type": obj.get("type") or "Opaque", "data": {**(obj.get("data") or {}), **encoded}}
