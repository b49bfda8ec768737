"""The verbs of the embedded API on one kind."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import yaml
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from penstock_operator.local.apiserver import patches, responses
from penstock_operator.local.apiserver.errors import Forbidden, Gone, Malformed, NotFound, Stale, StoreError
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
                    return self._write(request, self._object(request, await request.body()))
                case _:
                    return self._patch(request, namespace, name, await request.body())
        except StoreError as error:
            return responses.refused(error)

    async def status(self, request: Request) -> Response:
        """GET, PUT and PATCH of the status alone."""
        name, namespace = request.path_params["name"], self._namespace(request)
        try:
            if request.method == "GET":
                return JSONResponse(self._store.get(self._kind.kind, namespace, name))
            return self._write_status(request, namespace, name, await request.body())
        except StoreError as error:
            return responses.refused(error)

    # Reading

    def _list(self, request: Request) -> Response:
        query = request.query_params
        matches = selector(query.get("labelSelector", ""), query.get("fieldSelector", ""))
        namespace = request.path_params.get("namespace") if self._kind.namespaced else None
        if query.get("watch", "").lower() in ("1", "true"):
            since = int(_number(query, "resourceVersion", 0))
            limit = min(_number(query, "timeoutSeconds", WATCH_SECONDS), WATCH_SECONDS)
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
            seen: Sequence[Object] = []
            if since == 0:
                since = self._store.version
                seen = self._store.list(self._kind.kind, namespace)
                for obj in filter(matches, seen):
                    yield self._line("ADDED", obj, as_table)
            elif _selective(request):
                seen = self._store.at(self._kind.kind, since, namespace)
            selection = Selection(matches, seen) if _selective(request) else None
            while (left := deadline - time.monotonic()) > 0:
                woken.clear()
                changes = self._store.changes(self._kind.kind, since, namespace)
                for change in changes:
                    since = change.version
                    event = selection.as_seen(change) if selection is not None else (change.type, change.object)
                    if event is not None:
                        yield self._line(*event, as_table)
                try:
                    async with asyncio.timeout(min(left, BOOKMARK_SECONDS)):
                        await woken.wait()
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
        made = self._store.create(obj, review=self._review, strict=_strict(request), dry_run=_dry_run(request))
        return self._answer(request, made, 201)

    def _write(self, request: Request, obj: Object) -> Response:
        made = self._store.update(obj, review=self._review, strict=_strict(request), dry_run=_dry_run(request))
        return self._answer(request, made)

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
                raise Malformed("fieldManager is required for an apply patch")
            new = patches.apply(old, applied, manager)
        elif media in ("application/merge-patch+json", "application/strategic-merge-patch+json"):
            new = self._named(patches.merge(old, patch), namespace, name)
        else:
            return responses.failure(415, "UnsupportedMediaType", f"{media} is not served: use a merge patch or apply")
        return self._create(request, new) if old is None else self._write(request, new)

    def _delete(self, request: Request, namespace: str, name: str, body: bytes) -> Response:
        options = self._parse(body) if body else {}
        old = self._store.get(self._kind.kind, namespace, name)
        for field, wanted in (options.get("preconditions") or {}).items():
            if wanted != old["metadata"].get(field):
                raise Stale(f"{self._kind.kind} {name!r} has {field} {old['metadata'].get(field)!r}, not {wanted!r}")
        dry_run = _dry_run(request) or bool(options.get("dryRun"))
        gone = self._store.delete(self._kind.kind, namespace, name, review=self._review, dry_run=dry_run)
        return responses.success(self._kind, gone)

    def _write_status(self, request: Request, namespace: str, name: str, body: bytes) -> Response:
        old = self._store.get(self._kind.kind, namespace, name)
        sent = self._parse(body)
        self._named(sent, namespace, name)
        new = sent if request.method == "PUT" else patches.merge(old, sent)
        given = (sent.get("metadata") or {}).get("resourceVersion", "")
        obj = {**old, "metadata": {**old["metadata"], "resourceVersion": given}, "status": new.get("status")}
        # Unlike a spec, a status is written by programs, of other versions too.
        strict = request.query_params.get("fieldValidation") == "Strict"
        return JSONResponse(self._store.update_status(obj, strict=strict, dry_run=_dry_run(request)))

    def _review(self, obj: Object | None, old: Object | None) -> None:
        """Refuse what the rules of the kind keep users from.

        Raises:
            Forbidden: with the message of the rule.
        """
        if self._kind.gatekeeper is None:
            return
        if refusals := self._kind.gatekeeper.refusals(obj, old):
            name = (obj or old or {})["metadata"]["name"]
            listed = "; ".join(refusals)
            raise Forbidden(f'{self._kind.plural}.{self._kind.group} "{name}" is forbidden: {listed}')

    # What was sent

    def _namespace(self, request: Request) -> str:
        return str(request.path_params.get("namespace", "")) if self._kind.namespaced else ""

    def _parse(self, body: bytes) -> dict[str, Any]:
        try:
            parsed = json.loads(body)
        except (ValueError, RecursionError):
            parsed = _yaml(body)
        if not isinstance(parsed, dict):
            raise Malformed("The body is not an object")
        return parsed

    def _object(self, request: Request, body: bytes) -> Object:
        obj = self._parse(body)
        given = (obj.get("metadata") or {}).get("name")
        if not given:
            raise Malformed("metadata.name is required")
        return self._named(obj, self._namespace(request), str(request.path_params.get("name", given)))

    def _named(self, obj: Object, namespace: str, name: str) -> Object:
        if obj.get("kind", self._kind.kind) != self._kind.kind:
            raise Malformed(f"kind is {obj['kind']!r}, and the path is that of {self._kind.kind}")
        meta = {**(obj.get("metadata") or {})}
        if meta.get("namespace", namespace) != namespace:
            raise Malformed(f"metadata.namespace is {meta['namespace']!r}, and the path says {namespace!r}")
        if meta.get("name", name) != name:
            raise Malformed(f"metadata.name is {meta['name']!r}, and the path says {name!r}")
        meta["name"] = name
        if self._kind.namespaced:
            meta["namespace"] = namespace
        return {**obj, "apiVersion": self._kind.api_version, "kind": self._kind.kind, "metadata": meta}


def _yaml(body: bytes) -> Any:
    try:
        return yaml.safe_load(body)
    except (yaml.YAMLError, RecursionError) as error:
        raise Malformed(f"The body is neither JSON nor YAML: {error}") from error


def _number(query: Mapping[str, str], name: str, default: float) -> float:
    try:
        return float(query.get(name) or default)
    except ValueError:
        raise Malformed(f"{name}: {query[name]!r} is no number") from None


def _selective(request: Request) -> bool:
    return any(request.query_params.get(name) for name in ("labelSelector", "fieldSelector"))


def _wants_table(request: Request) -> bool:
    return "as=Table" in request.headers.get("accept", "")


def _dry_run(request: Request) -> bool:
    return request.query_params.get("dryRun") == "All"


def _strict(request: Request) -> bool:
    """Whether a field that the schema does not know is refused: unless the caller says otherwise, as kubectl's do."""
    return request.query_params.get("fieldValidation", "Strict") == "Strict"
