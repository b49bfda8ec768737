"""The log of an attempt or a staging on a cluster: from Ray's Jobs API, through the API server.

https://docs.ray.io/en/latest/cluster/running-applications/job-submission/api.html
"""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator
from typing import Any

from penstock import joblogs
from penstock.api import Resource, StagedRun, TrainingJob
from penstock.api.meta import SecretKeyRef
from penstock.client.errors import (
    ApiError,
    ConfigError,
    Forbidden,
    LogAway,
    NotFound,
    NotPossible,
    Unauthorized,
    Unreachable,
)
from penstock.client.installation import read_installation, system_namespace
from penstock.client.kinds import full_name
from penstock.client.proxy import Service, service_of
from penstock.client.session import Session
from penstock.joblogs import NoLog, Seen, Submission
from penstock.naming import RAY_TOKEN_KEY, SUBMISSION_ANNOTATION, UID_LABEL, ray_token_secret

TOKEN_VARIABLE = "PENSTOCK_RAY_TOKEN"  # noqa: S105 - the name of a variable
HEADER = "X-Ray-Authorization"
"""Where Ray looks for its token when `Authorization` is the API server's."""
POLL_SECONDS = 1.0
ENDED = ("STOPPED", "SUCCEEDED", "FAILED")


class RayLogs:
    """Reads the logs of one object's Ray jobs."""

    def __init__(self, session: Session, resource: Resource) -> None:
        self._session, self._resource = session, resource
        self._ray_job: dict[str, Any] = {}
        self._name = full_name(resource.kind, resource.metadata.name)

    async def lines(self, attempt: int | None, follow: bool) -> AsyncIterator[str]:
        """The lines so far; with `follow` also what comes, until the job has ended.

        Raises:
            NotPossible: nothing of it was submitted.
            LogAway: Ray cannot be asked; the error has the lines that the status keeps.
        """
        try:
            submission = joblogs.submission(self._resource, attempt)
        except NoLog as error:
            raise NotPossible(str(error)) from error
        service = await self._service(submission)
        headers = await self._headers()
        wanted = self._wanted()
        path = f"{service.path}/api/jobs/{submission.id}"

        async def look() -> Seen:
            try:
                # In this order: what a job said before its end is in the log that is read after.
                ended = follow and (await self._get(path, headers)).get("status") in ENDED
                return Seen(str((await self._get(f"{path}/logs", headers)).get("logs") or ""), ended)
            except ApiError as error:
                raise LogAway(f"{self._name}: {_why(error, service, wanted)}", _lines(submission)) from error

        async for line in joblogs.lines(look, follow=follow, away=Unreachable, pause=POLL_SECONDS):
            yield line

    async def _service(self, submission: Submission) -> Service:
        url = await self._address(submission)
        service = service_of(url, system_namespace()) if url else None
        if service is None:
            where = f"Ray's dashboard {url} is no Service of the cluster: open it" if url else "its Ray is not known"
            raise LogAway(f"{self._name}: {where}", _lines(submission))
        return service

    async def _address(self, submission: Submission) -> str | None:
        """The dashboard of the submission's Ray."""
        backend = await self._backend()
        if "kubeRay" in backend:
            self._ray_job = await self._of_ray_job(submission)
            if found := (self._ray_job.get("status") or {}).get("dashboardURL"):
                return f"http://{found}"
        resource = self._resource
        if isinstance(resource, TrainingJob) and resource.status.dashboard_url:
            return resource.status.dashboard_url
        address = (backend.get("rayCluster") or {}).get("address")
        return str(address) if address else None

    async def _backend(self) -> dict[str, Any]:
        """Where its jobs run, as its spec or else the installation has it; nothing where neither can be read."""
        resource = self._resource
        if isinstance(resource, TrainingJob | StagedRun) and resource.spec.ray is not None:
            return resource.spec.ray.to_wire()
        try:
            return dict((await read_installation(self._session)).get("ray") or {})
        except ConfigError:
            return {}

    async def _of_ray_job(self, submission: Submission) -> dict[str, Any]:
        """The submission's RayJob, which has a Ray of its own; nothing where it is gone or not shown."""
        meta = self._resource.metadata
        path = f"/apis/ray.io/v1/namespaces/{meta.namespace}/rayjobs"
        try:
            found = await self._session.get_json(path, params={"labelSelector": f"{UID_LABEL}={meta.uid}"})
        except ApiError:
            return {}
        for job in found.get("items") or ():
            if (job["metadata"].get("annotations") or {}).get(SUBMISSION_ANNOTATION) == submission.id:
                return dict(job)
        return {}

    async def _headers(self) -> dict[str, str]:
        token = os.environ.get(TOKEN_VARIABLE) or await self._own_token()
        return {HEADER: f"Bearer {token}"} if token else {}

    async def _own_token(self) -> str | None:
        """The token of the Ray that the spec names or KubeRay made, where the caller may read the Secret."""
        if (ref := self._token_ref()) is None:
            return None
        try:
            secret = await self._session.core_document("Secret", ref.name, self._resource.metadata.namespace)
        except ApiError:
            return None
        encoded = (secret.get("data") or {}).get(ref.key)
        return base64.b64decode(encoded).decode().strip() if encoded else None

    def _token_ref(self) -> SecretKeyRef | None:
        resource = self._resource
        if cluster := (self._ray_job.get("status") or {}).get("rayClusterName"):
            return SecretKeyRef(name=ray_token_secret(cluster), key=RAY_TOKEN_KEY)
        backend = resource.spec.ray if isinstance(resource, TrainingJob | StagedRun) else None
        ray = backend.ray_cluster if backend is not None else None
        return ray.token_secret_key_ref if ray is not None else None

    def _wanted(self) -> str:
        """How to give the token, to who may not read it."""
        ref = self._token_ref()
        return f"set {TOKEN_VARIABLE}{f' to {ref.key} of Secret {ref.name!r}' if ref is not None else ''}"

    async def _get(self, path: str, headers: dict[str, str]) -> dict[str, Any]:
        return await self._session.get_json(path, headers)


def _why(error: ApiError, service: Service, wanted: str) -> str:
    """What keeps the log away; the API server names a reason, and Ray none."""
    if isinstance(error, Forbidden) and error.reason:
        return f"you may not ask Ray through the API server: it takes get on services/proxy for {service} ({error})"
    if isinstance(error, Unauthorized | Forbidden) and not error.reason:
        return f"Ray at {service} wants its token: {wanted}"
    if isinstance(error, NotFound):
        return f"Ray at {service} is gone, or knows nothing of it any more"
    return f"Ray at {service} does not answer ({error})"


def _lines(submission: Submission) -> tuple[str, ...]:
    return tuple(submission.message.splitlines())
