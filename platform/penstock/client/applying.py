"""The part of the client that applies."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio

from penstock.api import KINDS, Resource
from penstock.client import manifests, sources
from penstock.client.errors import ApiError, ManifestError, NotFound
from penstock.client.installation import artifacts_uri
from penstock.client.kinds import ORDER, api_version, collection, location
from penstock.client.records import Applied, Outcome
from penstock.client.session import Session
from penstock.client.transport import APPLY


class Applying:
    """apply and apply_path."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def apply(
        self, resource: Resource | Mapping[str, Any], *, dry_run: bool = False, tell: sources.Tell | None = None
    ) -> Applied:
        """Create or change an object by server-side apply; a field that was applied before and is left out is removed.

        On a cluster, the code of a TrainingJob whose `source.path` is a folder of this machine is uploaded.

        Args:
            resource: a resource, or the JSON form of one, of a Secret or of a ConfigMap.
            dry_run: check it only; nothing is uploaded.
            tell: is called with a line when an upload may take a while.

        Raises:
            ManifestError: it is of no kind that is known here, or its code cannot be uploaded.
            ConfigError: where to upload to is not known, or may not be written.
            Invalid: the spec is refused.

        Examples:
            >>> applied = await client.apply({"apiVersion": "penstock.dev/v1alpha1", "kind": "VectorStore",
            ...     "metadata": {"name": "vectors"}, "spec": {}})  # doctest: +SKIP
            >>> applied.outcome  # doctest: +SKIP
            'created'
        """
        body = _to_apply(resource)
        kind, name = str(body["kind"]), str(body["metadata"]["name"])
        space = str(body["metadata"].get("namespace") or self._session.namespace)
        body["metadata"] = {**body["metadata"], "namespace": space}
        body, config_map = await self._with_code(body, dry_run, tell)
        try:
            before: dict[str, Any] | None = await self._session.document(kind, name, space)
        except NotFound:
            before = None
        if config_map is not None:
            await self._apply(config_map if before is None else sources.owned(config_map, before), dry_run)
        after = await self._apply(body, dry_run)
        if config_map is not None and not dry_run:
            await self._adopt(config_map, after, new=before is None)
        return Applied(_outcome(before, after), after)

    async def _apply(self, body: dict[str, Any], dry_run: bool) -> dict[str, Any]:
        kind, meta = str(body["kind"]), body["metadata"]
        # Forced, as kubectl's own apply does: what a person applies is what shall be.
        params = {"force": "true", **({"dryRun": "All"} if dry_run else {})}
        whole = {"apiVersion": api_version(kind), **body}
        return await self._session.transport.patch(
            location(kind, meta["namespace"], meta["name"]), whole, APPLY, params
        )

    async def _with_code(
        self, body: dict[str, Any], dry_run: bool, tell: sources.Tell | None
    ) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """The body with its code where the API's side finds it, and a ConfigMap if that is where."""
        if self._session.transport.local:
            return sources.with_absolute_path(body), None
        code = await anyio.to_thread.run_sync(sources.packed, body)
        if code is None:
            return body, None
        artifacts = await artifacts_uri(self._session)
        # A path without a scheme is one too: what it names on this machine is another folder than on the cluster's.
        if artifacts.startswith("file://") or "://" not in artifacts:
            return sources.as_config_map(body, code, artifacts)
        if not dry_run:
            await anyio.to_thread.run_sync(sources.upload, artifacts, code, tell)
        return sources.as_archive(body, code), None

    async def _adopt(self, config_map: dict[str, Any], job: dict[str, Any], *, new: bool) -> None:
        """Let the ConfigMap go with the job, and those of its code before this one go now."""
        if new:
            await self._apply(sources.owned(config_map, job), dry_run=False)
        meta = config_map["metadata"]
        path = collection("ConfigMap", meta["namespace"])
        labels = {sources.OWNED_BY: meta["labels"][sources.OWNED_BY], **sources.MANAGED_BY}
        selector = ",".join(f"{label}={value}" for label, value in labels.items())
        try:
            for old in (await self._session.transport.document("GET", path, params={"labelSelector": selector}))[
                "items"
            ]:
                if old["metadata"]["name"] != meta["name"]:
                    await self._session.delete("ConfigMap", old["metadata"]["name"], meta["namespace"])
        except ApiError:
            # Who may not list or delete them leaves a few; they go with the job.
            return

    async def apply_path(
        self, path: str | Path, *, dry_run: bool = False, tell: sources.Tell | None = None
    ) -> builtins.list[Applied]:
        """Apply every resource of a file, of a folder, or of standard input (`-`).

        All documents are read and checked before the first is sent; what is referred to is sent first.

        Raises:
            ManifestError: a file cannot be read, or a document is no resource.
            Invalid: a spec is refused; what was sent before it stays.

        Examples:
            >>> [applied.name for applied in await client.apply_path("examples/digits")]  # doctest: +SKIP
            ['features', 'vectors', 'digit-features', 'digit-images', 'digits', 'digits']
        """
        return [await self.apply(body, dry_run=dry_run, tell=tell) for body in manifests.read(path)]


def _to_apply(resource: Resource | Mapping[str, Any]) -> dict[str, Any]:
    """What the applier has an opinion on: of a resource made in Python, what was set."""
    if not isinstance(resource, Resource):
        body = {name: value for name, value in resource.items() if name != "status"}
        if body.get("kind") not in ORDER or not (body.get("metadata") or {}).get("name"):
            raise ManifestError(f"kind {body.get('kind')!r} cannot be applied: use {', '.join(ORDER)}, with a name")
        return body
    spec = resource.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True, include={"spec"})
    meta = resource.metadata.model_dump(
        by_alias=True, exclude_unset=True, include={"name", "namespace", "labels", "annotations"}
    )
    kind = type(resource).__name__
    assert kind in KINDS
    return {"apiVersion": resource.api_version, "kind": kind, "metadata": meta, **spec}


def _outcome(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Outcome:
    if before is None:
        return "created"
    same = all(before["metadata"].get(key) == after["metadata"].get(key) for key in ("labels", "annotations"))
    content = {k: v for k, v in before.items() if k not in ("metadata", "status")}
    return "unchanged" if same and all(after.get(key) == value for key, value in content.items()) else "configured"
