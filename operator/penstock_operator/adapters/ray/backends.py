"""Which Ray an object's jobs run on: what its spec says, or the installation's own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

from penstock.api import StagedRun, TrainingJob
from penstock.api.meta import SecretKeyRef
from penstock.api.ray import KubeRay, RayCluster
from penstock.installation import Installation
from penstock.secrets import read_secret, read_secrets
from penstock_operator.adapters.ray.jobs import RayJobs, new_http
from penstock_operator.ports import Cluster, Ray, RaySubmission, Refused

TOKEN_SECONDS = 15.0
"""How long a token that was read is used: each poll of each job asks for it; one that was corrected works soon."""

MakeKubeRay = Callable[[TrainingJob | StagedRun, KubeRay, httpx2.AsyncClient], Ray]
"""Makes the Ray of an object whose jobs are RayJobs."""


class RayBackends:
    """Finds the Ray of each object that has jobs."""

    def __init__(self, cluster: Cluster, installation: Installation, kube_ray: MakeKubeRay | None = None) -> None:
        self._cluster, self._installation, self._kube_ray = cluster, installation, kube_ray
        self._http = new_http()
        self._tokens: dict[tuple[str, str, str], tuple[float, str]] = {}

    async def ray_of(self, owner: TrainingJob | StagedRun) -> Ray:
        """The Ray of an object.

        Raises:
            MissingSecret: its token is not there.
            Refused: this installation has no KubeRay.
        """
        backend = owner.spec.ray or self._installation.ray
        if backend.kube_ray is not None:
            if self._kube_ray is None:
                raise Refused("spec.ray.kubeRay: there is no KubeRay here: set spec.ray.rayCluster, or leave it out")
            return self._kube_ray(owner, backend.kube_ray, self._http)
        assert backend.ray_cluster is not None
        namespace = owner.metadata.namespace
        token = await self._token(namespace, backend.ray_cluster, default=owner.spec.ray is None)
        return RayJobs(backend.ray_cluster.address, token, self._http, partial(self._secrets, namespace))

    async def __aenter__(self) -> Self:
        """The finder itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _secrets(self, namespace: str, submission: RaySubmission) -> Mapping[str, str]:
        """What its variables take from Secrets, and what all jobs need to reach the artifacts."""
        secret = await read_secrets(self._cluster, namespace, submission.secrets.values())
        values = {name: secret(ref) for name, ref in submission.secrets.items()}
        if (name := self._installation.artifacts_secret) is None:
            return values
        return {**await read_secret(self._cluster, namespace, name), **values}

    async def _token(self, namespace: str, ray: RayCluster, *, default: bool) -> str | None:
        if (ref := ray.token_secret_key_ref) is not None:
            return await self._read_token(namespace, ref)
        path = self._installation.ray_token_path
        return Path(path).read_text().strip() if default and path is not None else None

    async def _read_token(self, namespace: str, ref: SecretKeyRef) -> str:
        now = time.monotonic()
        self._tokens = {key: kept for key, kept in self._tokens.items() if now - kept[0] < TOKEN_SECONDS}
        key = (namespace, ref.name, ref.key)
        if key not in self._tokens:
            self._tokens[key] = now, (await read_secrets(self._cluster, namespace, [ref]))(ref)
        return self._tokens[key][1]
