"""An operator and a gateway with the chart's rights, in a world that answers at once, under an audit."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from apiserver import Server
from loopback import free_ports
from waiting import wait_until
from whole_run import spec_of, write_manifest

from penstock.api import StagedRun, TrainingJob
from penstock.handoff import ATTEMPT_VARIABLE, STAGING_VARIABLE, AttemptSpec, StagingReport, StagingSpec
from penstock.installation import Installation
from penstock.kubeapi.context import choose
from penstock.kubeapi.kubeconfig import read
from penstock.rundir import storage
from penstock.rundir.manifest import OutputManifest
from penstock.secrets import read_secrets
from penstock_operator.adapters.artifacts import FileArtifacts
from penstock_operator.adapters.ray.jobs import new_http
from penstock_operator.adapters.ray.kuberay.jobs import KubeRayJobs
from penstock_operator.kinds import kinds
from penstock_operator.kubernetes.api import Api
from penstock_operator.kubernetes.audit import Audit, Timing
from penstock_operator.kubernetes.cache import Cache
from penstock_operator.kubernetes.cluster import KubernetesCluster
from penstock_operator.kubernetes.gateways import LeasedGateways
from penstock_operator.kubernetes.kinds import WATCHED
from penstock_operator.kubernetes.operator import Options, Work, run
from penstock_operator.kubernetes.watching import Watch
from penstock_operator.ports import JobState, RayJob, RaySubmission, Refused, World

WAIT_SECONDS = 60


@dataclass
class Stores:
    """Feast or Milvus."""

    names: dict[str, str] = field(default_factory=dict)
    broken: bool = False

    async def check(self, connection: object) -> str:
        if self.broken:
            raise Refused("It is broken")
        return "1"

    async def service_view(self, config: object, service: str) -> str | None:
        return self.names.get(service)

    async def point_service(self, config: object, service: str, view: str) -> None:
        self.names[service] = view

    async def drop_service(self, config: object, service: str, view: str) -> None:
        if self.names.get(service) == view:
            del self.names[service]

    async def has_view(self, config: object, view: str) -> bool:
        return True

    async def drop_view(self, config: object, view: str) -> None:
        """Nothing is kept."""

    async def drop_project(self, config: object) -> None:
        """Nothing is kept."""

    alias_target, move_alias = service_view, point_service
    drop_alias, has_collection, drop_collection = drop_service, has_view, drop_view


@dataclass
class Ray:
    """A Ray on which a job has ended when it is looked at; it reads the job's Secrets as the real backends do.

    A job that wants KubeRay gets it, as far as it is objects.
    """

    cluster: KubernetesCluster
    installation: Installation
    http: httpx2.AsyncClient = field(default_factory=new_http)
    jobs: dict[str, RaySubmission] = field(default_factory=dict)

    async def ray_of(self, owner: TrainingJob | StagedRun) -> Ray | KubeRayJobs:
        if owner.spec.ray is None or owner.spec.ray.kube_ray is None:
            return self
        return KubeRayJobs(self.cluster, owner, owner.spec.ray.kube_ray, self.installation, self.http)

    async def session(self) -> str:
        return "session_1"

    async def submit(self, submission: RaySubmission) -> None:
        await read_secrets(self.cluster, "default", submission.secrets.values())
        self.jobs[submission.submission_id] = submission

    async def job(self, submission_id: str) -> RayJob | None:
        submission = self.jobs.get(submission_id)
        if submission is None:
            return None
        if ATTEMPT_VARIABLE in submission.env:
            train(spec_of(submission.env))
        else:
            stage(StagingSpec.model_validate_json(submission.env[STAGING_VARIABLE]))
        return RayJob(submission_id, JobState.SUCCEEDED)

    async def stop(self, submission_id: str) -> None:
        """Nothing runs."""

    async def delete(self, submission_id: str) -> None:
        self.jobs.pop(submission_id, None)

    async def logs(self, submission_id: str, lines: int = 20) -> str:
        return ""


def train(spec: AttemptSpec) -> None:
    outputs = [{"name": output.name, "kind": output.kind, "format": "parquet"} for output in spec.outputs]
    write_manifest(spec, [OutputManifest.model_validate(output) for output in outputs])


def stage(spec: StagingSpec) -> None:
    features = [{"kind": "Features", "physical": one.view} for one in spec.features]
    vectors = [
        {"kind": "Embeddings", "physical": one.collection, "dimension": one.dimension, "metric": one.metric}
        for one in spec.vectors
    ]
    targets = [*spec.features, *spec.vectors]
    outputs = [
        {"output": one.output, "resource": one.resource, "store": one.store, **more}
        for one, more in zip(targets, [*features, *vectors], strict=True)
    ]
    report = StagingReport.model_validate({"run": spec.run, "outcome": "Staged", "outputs": outputs})
    storage.replace(storage.join(spec.stage_uri, "report.json"), report.model_dump_json(by_alias=True).encode())


class Replica(threading.Thread):
    """A replica of the operator."""

    def __init__(self, config: Path, installation: Installation, vectors: Stores, namespaces: tuple[str, ...]) -> None:
        super().__init__(daemon=True)
        self._config = choose(read([config]))
        self._parts = (Stores(), vectors, FileArtifacts(), installation)
        self._options = Options("penstock", "replica", namespaces, "127.0.0.1", 0)
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        def build(api: Api, cluster: KubernetesCluster) -> Work:
            gateways = LeasedGateways(api, self._options.namespace)
            return Work(kinds(World(cluster, Ray(cluster, self._parts[-1]), *self._parts, gateways)))

        async def live() -> None:
            await run(self._config, build, self._options)

        async def start() -> None:
            self._task = asyncio.ensure_future(live())
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._error = self._task.exception()

        self._loop.run_until_complete(start())

    def audit(self) -> None:
        """What a replica does whose watches brought nothing."""

        async def check() -> None:
            async with Api(self._config) as api:
                cache, namespaces = Cache(WATCHED), self._options.namespaces
                audit = Audit(api, cache, Watch(self._config, cache, namespaces), namespaces, Timing())
                for kind in cache.kinds:
                    assert await audit.check(kind, 0), f"no {kind}"

        asyncio.run(check())

    def stop(self) -> None:
        assert self._task is not None
        self._loop.call_soon_threadsafe(self._task.cancel)
        self.join(30)
        assert not self.is_alive()
        assert self._error is None


@dataclass
class Life:
    """The API server and the two service accounts."""

    kubectl: Callable[..., Any]
    log: Path
    folder: Path

    def until(self, what: str, holds: Callable[[], Any]) -> Any:
        def state() -> str:
            refused = [*self.refused("penstock-operator"), *self.refused("penstock-gateway")]
            return f"{what}\nrefused: {refused}\n{self.kubectl('get', 'penstock').stdout}"

        return wait_until(holds, WAIT_SECONDS, state)

    def said(self, *words: str, stdin: str = "") -> str:
        done = self.kubectl(*words, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    def condition(self, resource: str, type_: str) -> str:
        path = f'jsonpath={{.status.conditions[?(@.type=="{type_}")].status}}'
        return self.said("get", resource, "-o", path)

    def kubeconfig(self, account: str) -> Path:
        """Credentials as a pod of the service account has them."""
        config = json.loads(self.said("config", "view", "--raw", "-o", "json"))
        config["contexts"][0]["context"]["namespace"] = "penstock"
        config["users"][0]["user"] = {"token": self.said("create", "token", account, "-n", "penstock").strip()}
        path = self.folder / account
        path.write_text(json.dumps(config))
        return path

    def requests(self, account: str) -> Iterator[dict[str, Any]]:
        """What a service account asked for."""
        # The last line may be half written.
        for line in self.log.read_text().rpartition("\n")[0].splitlines():
            entry = json.loads(line)
            if entry["user"]["username"] == f"system:serviceaccount:penstock:{account}":
                yield entry

    def refused(self, account: str) -> list[str]:
        """What it asked for and may not have."""
        return [
            f"{entry['verb']} {entry['requestURI']}"
            for entry in self.requests(account)
            if entry["annotations"]["authorization.k8s.io/decision"] == "forbid"
        ]

    @contextmanager
    def gateway(self, installation: Path, *flags: str) -> Iterator[str]:
        """The gateway as a process; its address."""
        env = {**os.environ, "KUBECONFIG": str(self.kubeconfig("penstock-gateway"))}
        env["PENSTOCK_INSTALLATION"] = str(installation)
        (port,) = free_ports(1)
        command = [sys.executable, "-m", "penstock.gateway", "--port", str(port), *flags]
        with (self.folder / "gateway.log").open("ab") as log:
            process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture
def life(audited: Server, commands: Callable[[Server], Callable[..., Any]], tmp_path: Path) -> Life:
    run = commands(audited)
    return Life(lambda *words, **options: run("kubectl", *words, **options), audited.audit_log, tmp_path)


@pytest.fixture
def vectors() -> Stores:
    return Stores()


@pytest.fixture
def new_replica() -> type[Replica]:
    return Replica
