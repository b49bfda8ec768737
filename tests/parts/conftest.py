"""A Milvus Lite server, a Feast on SQLite, an S3, runs written by the SDK, and the staging job as a process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from authority import Authority
from exec_plugin import Plugin

from penstock.handoff import ATTEMPT_VARIABLE, STAGING_VARIABLE, AttemptSource, AttemptSpec, StagingReport, StagingSpec
from penstock.naming import physical_name
from penstock.rundir import storage
from penstock.rundir.authorities import BUNDLE_VARIABLE, CONTENT_VARIABLE
from penstock.train import current
from penstock.train.commit import commit
from penstock.train.run import Run

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DIMENSION = 8
STAGED = "00000000"
"""Of the uid of the StagedRun that physical names are of."""


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _await_listener(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on port {port}")


@pytest.fixture(scope="session")
def milvus_uri() -> Iterator[str]:
    port = _free_port()
    program = str(Path(sys.executable).with_name("milvus-lite"))
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "server", "--data-dir", folder, "--host", "127.0.0.1", "--port", str(port)]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _await_listener(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(20)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[tuple[str, dict[str, str]]]:
    """A URI in an S3, and the variables by which it is reached.

    It is the one that `PENSTOCK_TEST_S3` names (`s3://bucket/prefix`, with the usual `AWS_` variables), or a versitygw
    of our own out of the folder `KUBEBUILDER_ASSETS`.
    """
    if (given := os.environ.get("PENSTOCK_TEST_S3")) is not None:
        yield f"{given.rstrip('/')}/{uuid.uuid4().hex}", {}
        return
    with _versitygw() as variables:
        yield "s3://artifacts", variables


@contextmanager
def _versitygw(*flags: str) -> Iterator[dict[str, str]]:
    """An S3 with the bucket `artifacts`; the variables by which it is reached."""
    program = Path(os.environ.get("KUBEBUILDER_ASSETS", "")) / "versitygw"
    if not program.is_file():
        pytest.skip("no S3: set PENSTOCK_TEST_S3, or KUBEBUILDER_ASSETS to a folder with versitygw")
    port = _free_port()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "artifacts").mkdir()
        command = [str(program), "--port", f"127.0.0.1:{port}", *flags, "posix", folder]
        keys = {"ROOT_ACCESS_KEY": "test", "ROOT_SECRET_KEY": "testtest"}
        server = subprocess.Popen(command, env=keys, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _await_listener(port)
            yield {
                "AWS_ENDPOINT_URL_S3": f"{'https' if '--cert' in flags else 'http'}://127.0.0.1:{port}",
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "testtest",
                "AWS_REGION": "us-east-1",
            }
        finally:
            server.terminate()
            server.wait(20)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A company's own certificate authority."""
    return Authority(tmp_path_factory.mktemp("company"))


@pytest.fixture(scope="session")
def company_s3_server(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    certificate, key = authority.issue(tmp_path_factory.mktemp("s3"))
    with _versitygw("--cert", str(certificate), "--key", str(key)) as variables:
        yield variables


@pytest.fixture
def company_s3(company_s3_server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """A URI of the test's own in an S3 whose certificate only who knows the authority trusts."""
    for name, value in company_s3_server.items():
        monkeypatch.setenv(name, value)
    for name in (BUNDLE_VARIABLE, CONTENT_VARIABLE):
        # Set first, so that what the code under test sets is taken back.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return f"s3://artifacts/{uuid.uuid4().hex}"


@pytest.fixture
def s3(s3_server: tuple[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> str:
    """A URI of the test's own in an S3 that this process, and those that it starts, may write to."""
    uri, variables = s3_server
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return f"{uri}/{uuid.uuid4().hex}"


@pytest.fixture(params=["file", "s3"])
def artifacts(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty artifact store, of each sort."""
    return f"file://{tmp_path}/artifacts" if request.param == "file" else str(request.getfixturevalue("s3"))


@dataclass
class World:
    """A folder with runs and a Feast, beside a Milvus that all tests share: a collection has the folder's name."""

    folder: Path
    milvus_uri: str
    artifacts: str = ""
    config: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.artifacts = self.artifacts or str(self.folder)
        self.config = {
            "project": "demo",
            "provider": "local",
            "registry": {"registry_type": "sql", "path": f"sqlite:///{self.folder}/registry.db"},
            "online_store": {"type": "sqlite", "path": f"{self.folder}/online.db"},
            "offline_store": {"type": "file"},
            "entity_key_serialization_version": 3,
        }

    def train(self, run: str, write: Callable[[Run], None]) -> str:
        """Write a run as training code does, and commit it; its URI."""
        spec = AttemptSpec(
            namespace="default",
            name="job",
            uid="u",
            attempt=1,
            run=run,
            run_uri=f"{self.artifacts}/{run}",
            source=AttemptSource(path=str(self.folder / "code")),
            entrypoint="train.py",
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(ATTEMPT_VARIABLE, spec.model_dump_json())
            write(current())
        commit(spec)
        return spec.run_uri

    def view(self, run: str, **fields: Any) -> dict[str, Any]:
        base = {
            "output": "features",
            "resource": "images",
            "store": "feast",
            "view": physical_name("images", run, STAGED),
        }
        columns = {
            "entities": [{"name": "id", "type": "Int64"}],
            "features": [{"name": "ink", "type": "Float32"}, {"name": "label", "type": "String"}],
            "timestampField": "event_timestamp",
        }
        return base | columns | {"config": self.config} | fields

    def collection(self, run: str, **fields: Any) -> dict[str, Any]:
        base = {"output": "embeddings", "resource": "images", "store": "milvus"}
        name = physical_name(self.folder.name, run, STAGED)
        shape = {"dimension": DIMENSION, "metric": "Cosine", "index": {}, "encoder": "encoder"}
        scalars = [{"name": "digit", "type": "Int64"}]
        connection = {"uri": self.milvus_uri, "timeoutSeconds": 5}
        return base | shape | {"collection": name, "connection": connection, "scalarFields": scalars} | fields

    def spec(self, run: str, **fields: Any) -> StagingSpec:
        """The staging of a run, both its outputs unless told otherwise."""
        uri = f"{self.artifacts}/{run}"
        base = {"namespace": "default", "name": "m", "uid": "m", "run": run, "runUri": uri}
        outputs = {"features": [self.view(run)], "vectors": [self.collection(run)]}
        return StagingSpec.model_validate(base | outputs | {"stageUri": f"{uri}/staging/m-1"} | fields)

    def start(self, spec: StagingSpec) -> subprocess.Popen[str]:
        """The job, as Ray starts it."""
        command = [sys.executable, "-m", "penstock.materialize"]
        env = {**os.environ, STAGING_VARIABLE: spec.model_dump_json(by_alias=True)}
        return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def stage(self, *specs: StagingSpec) -> list[tuple[int, str]]:
        """Jobs side by side, to their end: exit code and the last line of the log of each."""
        jobs = [self.start(spec) for spec in specs]
        logs = [job.communicate(timeout=120)[0] for job in jobs]
        return [(job.returncode, log.splitlines()[-1]) for job, log in zip(jobs, logs, strict=True)]

    def report(self, spec: StagingSpec) -> StagingReport | None:
        path = f"{spec.stage_uri}/report.json"
        return StagingReport.model_validate_json(storage.read_bytes(path)) if storage.exists(path) else None


@pytest.fixture(scope="session")
def new_world(milvus_uri: str) -> Callable[[Path], World]:
    """Makes a world in a folder."""

    def make(folder: Path) -> World:
        (folder / "code").mkdir()
        return World(folder, milvus_uri)

    return make


@pytest.fixture
def world(tmp_path: Path, new_world: Callable[[Path], World]) -> World:
    return new_world(tmp_path)


def encoder(dimension: int) -> bytes:
    """An ONNX model that cuts or pads nothing: `[batch, 4] @ [4, dimension]`."""
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(np.ones((4, dimension), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "encoder",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", dimension])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def write_run(run: Run, rows: int = 40, shards: int = 1, **changed: Any) -> None:
    """A good run, but for what is changed: `features`, `ids`, `vectors`, `digits`, `dimension` of the encoder."""
    vectors = np.random.default_rng(0).normal(size=(rows, DIMENSION)).astype(np.float32)
    for part in np.array_split(np.arange(rows), shards):
        columns = {
            "id": part,
            "ink": (part / rows).astype(np.float32),
            "label": [f"label {n}" for n in part],
            "event_timestamp": pa.array([NOW] * len(part), pa.timestamp("us", "UTC")),
        } | changed.get("features", {})
        columns = {name: values for name, values in columns.items() if values is not None}
        run.write_features("features", columns, entity_keys=["id"])
        made = changed.get("vectors", vectors)[part[0] : part[-1] + 1]
        digits = changed.get("digits", (part % 10).tolist())
        run.write_embeddings("embeddings", changed.get("ids", part.tolist()), made, digit=digits)
    run.save_encoder("encoder", encoder(changed.get("dimension", DIMENSION)), np.ones((1, 4), np.float32))
    run.report(1, 1, accuracy=0.9)


@pytest.fixture(name="write_run", scope="session")
def write_run_fixture() -> Callable[..., None]:
    return write_run


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    """A credential plug-in."""
    return Plugin(tmp_path)
