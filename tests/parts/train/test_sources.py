"""Where an attempt's code comes from: a path, a Git commit, an archive of the store; each as a real process."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.handoff import ATTEMPT_VARIABLE, GIT_TOKEN_VARIABLE, AttemptSpec
from penstock.rundir import storage
from penstock.rundir.read import read_manifest
from penstock.sources.archive import File, pack
from penstock.sources.store import archive_uri, put
from penstock.train.source import resolved

CODE = """
import os, pathlib, helper, penstock.train
penstock.train.current().report(1, 1, answer=helper.ANSWER)
assert pathlib.Path.cwd() == pathlib.Path(__file__).parent
assert "PENSTOCK_GIT_TOKEN" not in os.environ
"""
FILES = {"train.py": File(CODE.encode()), "helper.py": File(b"ANSWER = 42")}
GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]


def attempt(source: dict[str, Any], artifacts: str, **fields: Any) -> AttemptSpec:
    values: dict[str, Any] = {
        "namespace": "default",
        "name": "job",
        "uid": "u",
        "attempt": 1,
        "run": "u-1",
        "entrypoint": "train.py",
        "run_uri": f"{artifacts}/default/job/u-1",
        "source": source,
    }
    return AttemptSpec.model_validate(values | fields)


def launch(spec: AttemptSpec, **env: str) -> subprocess.CompletedProcess[str]:
    handed = {**os.environ, ATTEMPT_VARIABLE: spec.model_dump_json(by_alias=True), **env}
    command = [sys.executable, "-m", "penstock.train.launch"]
    return subprocess.run(command, env=handed, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, str]:
    """A repository with the code in a folder, and a commit that is not its newest."""
    folder = tmp_path / "repository"
    (folder / "job").mkdir(parents=True)
    for name, file in FILES.items():
        (folder / "job" / name).write_bytes(file.content)
    subprocess.run([*GIT, "init", "-q", "."], cwd=folder, check=True)
    subprocess.run([*GIT, "add", "."], cwd=folder, check=True)
    subprocess.run([*GIT, "commit", "-qm", "one"], cwd=folder, check=True)
    said = subprocess.run([*GIT, "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True)
    (folder / "job" / "helper.py").write_text("ANSWER = 43")
    subprocess.run([*GIT, "commit", "-qam", "two"], cwd=folder, check=True)
    subprocess.run([*GIT, "config", "uploadpack.allowAnySHA1InWant", "true"], cwd=folder, check=True)
    return folder, said.stdout.strip()


def test_an_archive_of_the_store_runs(artifacts: str) -> None:
    archive = pack(FILES)
    put(artifacts, archive)
    uri = archive_uri(artifacts, archive.digest)
    spec = attempt({"archive": {"uri": uri, "digest": archive.digest}}, artifacts)
    done = launch(spec)
    assert done.returncode == 0, done.stderr
    manifest = read_manifest(spec.run_uri)
    assert (manifest.metrics, manifest.source_revision) == ({"answer": 42.0}, archive.digest)


def test_an_archive_that_was_altered_does_not_run(artifacts: str) -> None:
    archive = pack(FILES)
    uri = archive_uri(artifacts, archive.digest)
    storage.replace(uri, pack({"train.py": File(b"pass")}).content)
    done = launch(attempt({"archive": {"uri": uri, "digest": archive.digest}}, artifacts))
    assert done.returncode == 2
    assert "it was altered or cut short; upload it again" in done.stderr


def test_an_archive_that_is_gone_says_what_to_do(artifacts: str) -> None:
    done = launch(attempt({"archive": {"uri": f"{artifacts}/sources/x.tar.gz", "digest": "sha256:0"}}, artifacts))
    assert done.returncode == 2
    assert "x.tar.gz is not there: apply the job again with `penstock apply`" in done.stderr


def test_a_commit_runs_though_it_is_not_the_newest(tmp_path: Path, repository: tuple[Path, str]) -> None:
    folder, commit = repository
    git = {"url": f"file://{folder}", "revision": commit, "path": "job"}
    spec = attempt({"git": git}, f"file://{tmp_path}/artifacts")
    done = launch(spec)
    assert done.returncode == 0, done.stderr
    manifest = read_manifest(spec.run_uri)
    assert (manifest.metrics, manifest.source_revision) == ({"answer": 42.0}, commit)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"revision": "0" * 40}, "cannot be had from file://"),
        ({"path": "elsewhere"}, "there is no such folder"),
        ({"path": "job/../.."}, "leads out of the repository"),
        ({"path": None}, "spec.entrypoint: 'train.py' is not in spec.source.git"),
        ({"url": "ext::sh -c 'touch /tmp/owned'"}, "not allowed"),
    ],
)
def test_a_commit_that_cannot_be_had_says_why(
    tmp_path: Path, repository: tuple[Path, str], changed: dict[str, Any], message: str
) -> None:
    folder, commit = repository
    git = {"url": f"file://{folder}", "revision": commit, "path": "job"} | changed
    done = launch(attempt({"git": git}, f"file://{tmp_path}/artifacts"))
    assert done.returncode == 2
    assert message in done.stderr


class Backend(http.server.BaseHTTPRequestHandler):
    """`git http-backend` behind a password."""

    root = Path()
    expected = ""

    def serve(self) -> None:
        given = self.headers.get("Authorization")
        if given != self.expected:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        env = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_USER": "t",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        }
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = subprocess.run(["git", "http-backend"], env=env, input=body, capture_output=True, check=False).stdout
        head, _, content = answer.partition(b"\r\n\r\n")
        lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(lines.pop("Status", "200").split()[0]))
        for name, value in lines.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = serve  # noqa: N815 - the names that http.server calls

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def remote(repository: tuple[Path, str]) -> Iterator[str]:
    backend = type("TheBackend", (Backend,), {"root": repository[0].parent})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), backend)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/repository/.git"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("token", "basic"), [("s3cret", "x-access-token:s3cret"), ("me:s3cret", "me:s3cret")])
def test_a_token_opens_a_repository_and_is_told_to_nobody(
    tmp_path: Path, repository: tuple[Path, str], remote: str, monkeypatch: pytest.MonkeyPatch, token: str, basic: str
) -> None:
    monkeypatch.setattr(Backend, "expected", f"Basic {b64encode(basic.encode()).decode()}")
    git = {"url": remote, "revision": repository[1], "path": "job"}
    spec = attempt({"git": git}, f"file://{tmp_path}/artifacts")
    done = launch(spec, **{GIT_TOKEN_VARIABLE: token})
    assert done.returncode == 0, done.stderr
    assert read_manifest(spec.run_uri).metrics == {"answer": 42.0}
    refused = launch(spec.model_copy(update={"run_uri": f"{spec.run_uri}0"}), **{GIT_TOKEN_VARIABLE: "wr0ng"})
    assert refused.returncode == 2
    assert "check the URL, that the commit was pushed, and tokenSecretKeyRef" in refused.stderr
    assert "wr0ng" not in refused.stderr + refused.stdout
    assert launch(spec.model_copy(update={"run_uri": f"{spec.run_uri}1"})).returncode == 2


def test_no_git_where_ray_runs_is_named(
    tmp_path: Path, repository: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    git = {"url": f"file://{repository[0]}", "revision": repository[1]}
    done = launch(attempt({"git": git}, f"file://{tmp_path}/artifacts"))
    assert "there is no git where Ray runs: add it to the image of the head" in done.stderr


def test_a_relative_path_is_below_the_images_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.train.source.IN_IMAGE", tmp_path)
    (tmp_path / "job" / "code").mkdir(parents=True)
    (tmp_path / "job" / "code" / "train.py").write_text("")
    with resolved(attempt({"path": "code"}, "file:///nowhere")) as ready:
        assert ready.source.path == str(tmp_path / "job" / "code")


def test_what_was_fetched_goes_at_the_end(artifacts: str) -> None:
    archive = pack(FILES)
    put(artifacts, archive)
    uri = archive_uri(artifacts, archive.digest)
    with resolved(attempt({"archive": {"uri": uri, "digest": archive.digest}}, artifacts)) as ready:
        assert ready.source.path is not None
        folder = Path(ready.source.path)
        assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert not folder.exists()
