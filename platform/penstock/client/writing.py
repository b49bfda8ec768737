"""The part of the client that writes."""

from __future__ import annotations

import builtins
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio

from penstock.api import KINDS, Resource, TrainingJob
from penstock.api.trainingjob import RERUN_ANNOTATION
from penstock.client import manifests, sources
from penstock.client.errors import ApiError, Conflict, ManifestError, NotFound, NotPossible
from penstock.client.installation import artifacts_uri
from penstock.client.kinds import ORDER, api_version, collection, full_name, location, needs_suspend
from penstock.client.records import Applied, Outcome, R
from penstock.client.transport import APPLY
from penstock.client.waiting import WAIT_SECONDS, Waiting

CONFLICT_TRIES = 8
CONFLICT_SECONDS = 0.05


class Writing(Waiting):
    """apply, patch, delete, and the small changes of a spec."""

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
        space = str(body["metadata"].get("namespace") or self.namespace)
        body["metadata"] = {**body["metadata"], "namespace": space}
        body, config_map = await self._with_code(body, dry_run, tell)
        try:
            before: dict[str, Any] | None = await self._get(kind, name, space)
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
        return await self._transport.patch(location(kind, meta["namespace"], meta["name"]), whole, APPLY, params)

    async def _with_code(
        self, body: dict[str, Any], dry_run: bool, tell: sources.Tell | None
    ) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """The body with its code where the API's side finds it, and a ConfigMap if that is where."""
        if self.local:
            return sources.with_absolute_path(body), None
        code = await anyio.to_thread.run_sync(sources.packed, body)
        if code is None:
            return body, None
        artifacts = await artifacts_uri(self)
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
            for old in (await self._transport.document("GET", path, params={"labelSelector": selector}))["items"]:
                if old["metadata"]["name"] != meta["name"]:
                    await self._delete("ConfigMap", old["metadata"]["name"], meta["namespace"])
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

    async def patch(self, kind: type[R], name: str, patch: Mapping[str, Any], *, namespace: str | None = None) -> R:
        """Change an object by a merge patch (RFC 7386).

        Raises:
            NotFound: there is none of this name.
            Invalid: the new spec is refused.
            Conflict: the patch names a `metadata.resourceVersion` that is not the newest.

        Examples:
            >>> await client.patch(TrainingJob, "digits", {"spec": {"historyLimit": 3}})  # doctest: +SKIP
        """
        return await self._merge(kind, name, dict(patch), namespace)

    async def delete(
        self,
        kind: type[Resource],
        name: str,
        *,
        wait: bool = True,
        timeout: float | None = WAIT_SECONDS,  # noqa: ASYNC109 - kubectl's word for it
        namespace: str | None = None,
    ) -> None:
        """Delete an object, and wait until its finalizers are through.

        Raises:
            NotFound: there is none of this name.
            NotPossible: it is a run that is served, or that a rollback goes back to.
            WaitTimeout: it is not gone in time.

        Examples:
            >>> await client.delete(TrainingJob, "digits")  # doctest: +SKIP
        """
        await self._delete(kind.__name__, name, namespace)
        if wait:
            await self.wait(kind, name, "delete", timeout, namespace=namespace)

    async def delete_document(self, document: Mapping[str, Any]) -> None:
        """Delete the object that a document names, and do not wait.

        Raises:
            NotFound: there is none of this name.
            NotPossible: it is a run that is served, or that a rollback goes back to.

        Examples:
            >>> await client.delete_document({"kind": "Secret", "metadata": {"name": "key"}})  # doctest: +SKIP
        """
        meta = document["metadata"]
        await self._delete(str(document["kind"]), str(meta["name"]), meta.get("namespace"))

    async def suspend(self, kind: type[R], name: str, *, namespace: str | None = None) -> R:
        """Set `spec.suspend`.

        Raises:
            NotPossible: the kind cannot be suspended.
            NotFound: there is none of this name.

        Examples:
            >>> await client.suspend(TrainingJob, "digits")  # doctest: +SKIP
        """
        needs_suspend(kind, name)
        return await self._merge(kind, name, {"spec": {"suspend": True}}, namespace)

    async def resume(self, kind: type[R], name: str, *, namespace: str | None = None) -> R:
        """Unset `spec.suspend`.

        Raises:
            NotPossible: the kind cannot be suspended.
            NotFound: there is none of this name.

        Examples:
            >>> await client.resume(TrainingJob, "digits")  # doctest: +SKIP
        """
        needs_suspend(kind, name)
        return await self._merge(kind, name, {"spec": {"suspend": False}}, namespace)

    async def rerun(self, name: str, *, namespace: str | None = None) -> TrainingJob:
        """Run a TrainingJob once more with the same spec: annotate it with a token that it has not answered.

        Raises:
            NotFound: there is none of this name.

        Examples:
            >>> await client.rerun("digits")  # doctest: +SKIP
            >>> await client.wait(TrainingJob, "digits", "Succeeded")  # doctest: +SKIP
        """
        annotations = {RERUN_ANNOTATION: datetime.now(UTC).isoformat(timespec="microseconds")}
        return await self._merge(TrainingJob, name, {"metadata": {"annotations": annotations}}, namespace)

    async def _decide(
        self, kind: type[R], name: str, decide: Callable[[R], Awaitable[dict[str, Any]]], namespace: str | None
    ) -> R:
        """Read, decide on a change of the spec, and write it if nothing changed in between; else read again."""
        for attempt in range(CONFLICT_TRIES):
            found = await self.get(kind, name, namespace=namespace)
            patch = {"metadata": {"resourceVersion": found.metadata.resource_version}, "spec": await decide(found)}
            try:
                return await self._merge(kind, name, patch, namespace)
            except Conflict:
                if attempt == CONFLICT_TRIES - 1:
                    raise
                await anyio.sleep(CONFLICT_SECONDS * 2**attempt)
        raise AssertionError("unreachable")

    async def _delete(self, kind: str, name: str, namespace: str | None) -> None:
        try:
            await self._transport.document("DELETE", location(kind, namespace or self.namespace, name))
        except ApiError as error:
            # A cluster wraps the rule in the names of policies, which tell nobody what to do.
            for rule in KINDS[kind].DELETION_RULES if kind in KINDS else ():
                if rule.message in error.message:
                    raise NotPossible(f"{full_name(kind, name)} cannot be deleted: {rule.message}") from error
            raise


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
