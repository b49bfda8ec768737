"""Two runs in a real Feast and Milvus, and a gateway over them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from gateway_runs import staged_run

from penstock.api.materialization import Materialization
from penstock.api.ray import RayBackend, RayCluster, RayType
from penstock.api.stagedrun import StagedRun
from penstock.gateway.app import create_app
from penstock.gateway.catalog import Catalog
from penstock.gateway.limits import Limits
from penstock.gateway.loader import Loader
from penstock.gateway.revision import Revision
from penstock.handoff import StagingReport
from penstock.installation import Installation
from penstock.materialize.job import run_staging
from penstock_operator.local.apiserver.kubeconfig import write_kubeconfig

ROWS = 40
NOW = datetime(2026, 1, 1, tzinfo=UTC).isoformat()


class Objects:
    """The stores, as the API has them; a test may change them."""

    def __init__(self) -> None:
        self.specs: dict[tuple[str, str], dict[str, Any]] = {
            ("FeatureStore", "feast"): {"project": "demo"},
            ("VectorStore", "milvus"): {"timeoutSeconds": 2},
        }
        self.secrets: dict[str, dict[str, Any]] = {}

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        if kind == "Secret":
            return self.secrets.get(name)
        spec = self.specs.get((kind, name))
        return {"kind": kind, "metadata": {"name": name}, "spec": spec} if spec is not None else None


@dataclass
class Staged:
    """The runs r-1 and r-2; `ink` is 0 to 1 in the one and 10 to 11 in the other, and the vectors differ."""

    world: Any
    reports: dict[str, StagingReport]
    vectors: dict[str, np.ndarray]

    @property
    def installation(self) -> Installation:
        config = self.world.config
        return Installation(
            artifacts=f"file://{self.world.folder}",
            ray=RayBackend(type=RayType.RAY_CLUSTER, ray_cluster=RayCluster(address="http://127.0.0.1:1")),
            milvus_uri=self.world.milvus_uri,
            feast_registry=config["registry"],
            feast_online_store=config["online_store"],
        )

    def uri(self, run: str) -> str:
        return str(self.world.folder / run)

    def outputs(self, run: str, **changed: Any) -> list[dict[str, Any]]:
        """What is staged of a run; fields of its embeddings may be changed."""
        outputs = [output.to_wire() for output in self.reports[run].outputs]
        outputs[1] |= changed
        return outputs

    def pointer(self, active: str, uid: str = "", **changed: Any) -> Materialization:
        """A Materialization that serves a run; fields of its embeddings may be changed."""
        outputs = self.outputs(active, **changed)
        return Materialization.model_validate(
            {
                "kind": "Materialization",
                "metadata": {"name": "m", "namespace": "default", "uid": "m"},
                "spec": {"trainingJobRef": {"name": "job"}, "gates": []},
                "status": {
                    "active": {
                        "run": active,
                        "stagedRunRef": {"name": active, "uid": uid or f"{active}{changed or ''}"},
                        "uri": self.uri(active),
                        "trainedAt": NOW,
                        "switchedAt": NOW,
                        "outputs": outputs,
                    }
                },
            }
        )

    async def of(self, namespace: str, materialization: str) -> Sequence[StagedRun]:
        """Both runs are kept, whoever asks."""
        return [
            StagedRun.model_validate(
                staged_run(
                    run,
                    {"name": materialization, "uid": materialization},
                    self.uri(run),
                    {"name": run, "uid": run, "creationTimestamp": NOW},
                    {"state": "Staged", "outputs": self.outputs(run)},
                )
            )
            for run in self.reports
        ]


@pytest.fixture(scope="module")
def stage_runs(tmp_path_factory: Any, new_world: Any, write_run: Any) -> Callable[..., Staged]:
    """Trains and stages both runs, in an online store of this configuration."""

    def stage(online_store: dict[str, Any] | None = None) -> Staged:
        world = new_world(tmp_path_factory.mktemp("served"))
        if online_store is not None:
            world.config["online_store"] = online_store
        return _staged(world, write_run)

    return stage


@pytest.fixture(scope="module")
def staged(stage_runs: Callable[..., Staged]) -> Staged:
    return stage_runs()


def _staged(world: Any, write_run: Any) -> Staged:
    reports, vectors = {}, {}
    for number, run in enumerate(("r-1", "r-2")):
        made = np.random.default_rng(number).normal(size=(ROWS, 8)).astype(np.float32)
        ink = (np.arange(ROWS) / ROWS + 10 * number).astype(np.float32)
        world.train(run, lambda writer, made=made, ink=ink: write_run(writer, vectors=made, features={"ink": ink}))
        reports[run] = run_staging(world.spec(run))
        vectors[run] = made
        assert reports[run].outcome == "Staged"
    return Staged(world, reports, vectors)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Of a gateway, as a process, whose API is away."""
    ray = RayBackend(type=RayType.RAY_CLUSTER, ray_cluster=RayCluster(address="http://127.0.0.1:9"))
    installation = Installation(artifacts=f"file://{tmp_path}", ray=ray)
    (tmp_path / "installation.json").write_text(installation.model_dump_json(by_alias=True))
    write_kubeconfig(tmp_path / "kubeconfig", "https://127.0.0.1:9", "", b"")
    config = (tmp_path / "kubeconfig").read_text().replace("certificate-authority-data: ''", "certificate-authority: x")
    (tmp_path / "kubeconfig").write_text(config.replace("certificate-authority: x", "insecure-skip-tls-verify: true"))
    named = {"KUBECONFIG": tmp_path / "kubeconfig", "PENSTOCK_INSTALLATION": tmp_path / "installation.json"}
    return {**os.environ, **{name: str(path) for name, path in named.items()}}


@dataclass
class Gateway:
    """A gateway in process, and the catalog that it serves."""

    catalog: Catalog
    http: httpx2.AsyncClient
    objects: Objects
    revision: Revision

    async def ask(self, path: str, body: Any = None, **params: str) -> httpx2.Response:
        if body is None:
            return await self.http.get(path, params=params)
        return await self.http.post(f"/v1/default/m/{path}", json=body, params=params)

    async def serve(self, pointer: Materialization) -> None:
        """Follow the pointer and wait until its run is live."""
        self.catalog.follow(pointer)
        async with asyncio.timeout(20):
            while self.catalog.entry("default", "m").behind:
                await asyncio.sleep(0.005)


@pytest.fixture
async def gateway_of(staged: Staged) -> AsyncIterator[Callable[..., Any]]:
    opened: list[Gateway] = []

    def make(limits: Limits | None = None, of: Staged | None = None) -> Gateway:
        bounds, staged_runs = limits or Limits(), of or staged
        objects = Objects()
        loader = Loader(objects, staged_runs.installation, bounds)
        catalog = Catalog(loader, staged_runs)
        revision = Revision(catalog, loader)
        transport = httpx2.ASGITransport(app=create_app(catalog, bounds, revision=revision))
        http = httpx2.AsyncClient(transport=transport, base_url="http://gateway")
        opened.append(Gateway(catalog, http, objects, revision))
        return opened[-1]

    yield make
    for gateway in opened:
        await gateway.catalog.close()
        await gateway.http.aclose()


@pytest.fixture
async def gateway(gateway_of: Any, staged: Staged) -> Gateway:
    made: Gateway = gateway_of()
    await made.serve(staged.pointer("r-1"))
    return made
