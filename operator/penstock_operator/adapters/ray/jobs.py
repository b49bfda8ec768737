"""A Ray that is already there, by its Jobs REST API.

https://docs.ray.io/en/latest/cluster/running-applications/job-submission/api.html
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import httpx2

from penstock_operator.adapters.ray import causes
from penstock_operator.ports import Invalid, JobState, RayJob, RaySubmission, Refused, Unreachable

PATIENCE_SECONDS = (6.0, 10.0)
"""At least and at most: many that hang are not to be given up in one moment."""
CONNECT_SECONDS = 3.0

Secrets = Callable[[RaySubmission], Awaitable[Mapping[str, str]]]
"""Reads what a submission's variables take from Secrets: this Ray cannot."""


def new_http() -> httpx2.AsyncClient:
    """Connections to any number of Rays: one that hangs takes no other's place."""
    return httpx2.AsyncClient(
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=100), trust_env=False
    )


class RayJobs:
    """The Jobs API at one dashboard address."""

    def __init__(
        self,
        address: str,
        token: str | None = None,
        http: httpx2.AsyncClient | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        self._secrets = secrets
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._address = address.rstrip("/")
        self._http = http or new_http()

    async def __aenter__(self) -> Self:
        """The client itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def session(self) -> str:
        """The name of the Ray session."""
        response = await self._call("GET", "/api/version")
        self._expect(response, 200)
        return str(self._body(response, "session_name")["session_name"])

    async def job(self, submission_id: str) -> RayJob | None:
        """The job, or None on 404."""
        response = await self._call("GET", f"/api/jobs/{submission_id}")
        if response.status_code == 404:
            return None
        self._expect(response, 200)
        body = self._body(response, "status")
        state, message = JobState(body["status"]), body.get("message") or ""
        found = RayJob(submission_id, state, message, f"{self._address}/#/jobs/{submission_id}")
        if state is not JobState.FAILED:
            return found
        cause = body.get("error_type")
        return replace(found, fault=causes.fault(message, cause), unbegun=causes.unbegun(message, cause))

    async def submit(self, submission: RaySubmission) -> None:
        """Submit once: Ray answers 500 both for an id that it has and for a fault, so a 500 is followed by a look.

        Raises:
            MissingSecret: a Secret of a variable is not there.
        """
        secrets = await self._secrets(submission) if self._secrets is not None else {}
        body: dict[str, Any] = {
            "entrypoint": submission.entrypoint,
            "submission_id": submission.submission_id,
            # As in a pod, where a variable of its own counts before one of a whole Secret.
            "runtime_env": {"env_vars": {**secrets, **submission.env}},
            "metadata": dict(submission.metadata),
            "entrypoint_num_cpus": submission.cpus,
            "entrypoint_num_gpus": submission.gpus,
        }
        if submission.memory_bytes is not None:
            body["entrypoint_memory"] = submission.memory_bytes
        response = await self._call("POST", "/api/jobs/", json=body)
        if response.status_code == 200 or await self.job(submission.submission_id) is not None:
            return
        detail = response.text.strip().splitlines()[-1:] or [""]
        if 400 <= response.status_code < 500:
            refusal = Invalid if response.status_code == 400 else Refused
            raise refusal(f"Ray refused the submission ({response.status_code}): {detail[0]}")
        raise Unreachable(f"Ray could not take the submission ({response.status_code}): {detail[0]}")

    async def stop(self, submission_id: str) -> None:
        """Ask for a stop: SIGTERM, and SIGKILL some seconds later."""
        response = await self._call("POST", f"/api/jobs/{submission_id}/stop")
        self._expect(response, 200, 404)

    async def delete(self, submission_id: str) -> None:
        """Forget an ended job."""
        response = await self._call("DELETE", f"/api/jobs/{submission_id}")
        self._expect(response, 200, 404)

    async def logs(self, submission_id: str, lines: int = 20) -> str:
        """The last lines; `lines=0` gives all."""
        response = await self._call("GET", f"/api/jobs/{submission_id}/logs")
        if response.status_code == 404:
            return ""
        self._expect(response, 200)
        text = str(self._body(response, "logs")["logs"] or "")
        return "\n".join(text.splitlines()[-lines:]) if lines else text

    async def kept_seconds(self) -> int | None:
        """None: this Ray is not for one object alone."""
        return None

    async def release(self) -> None:
        """Nothing is kept."""

    async def _call(self, method: str, path: str, **kwargs: Any) -> httpx2.Response:
        try:
            patience = random.uniform(*PATIENCE_SECONDS)  # noqa: S311 - spreads load, guards nothing
            return await self._http.request(
                method,
                f"{self._address}{path}",
                headers=self._headers,
                timeout=httpx2.Timeout(patience, connect=CONNECT_SECONDS),
                **kwargs,
            )
        except httpx2.HTTPError as error:
            raise Unreachable(f"Ray at {self._address} did not answer: {error or type(error).__name__}") from error

    def _body(self, response: httpx2.Response, field: str) -> dict[str, Any]:
        """The answer, which has this field if it is Ray's."""
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict) or field not in body:
            raise Unreachable(f"What answers at {self._address} is no Ray: give the address of Ray's dashboard")
        return body

    def _expect(self, response: httpx2.Response, *codes: int) -> None:
        if response.status_code not in codes:
            detail = response.text.strip().splitlines()[-1:] or [""]
            raise Unreachable(f"Ray at {self._address} answered {response.status_code}: {detail[0]}")
