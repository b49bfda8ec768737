"""An object store whose certificate is signed by a company's own authority."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from authority import Authority

from penstock.handoff import ATTEMPT_VARIABLE, AttemptSpec
from penstock.rundir import storage
from penstock.rundir.authorities import BUNDLE_VARIABLE, CONTENT_VARIABLE, bundle
from penstock.rundir.errors import StoreUnreachable
from penstock.rundir.read import read_manifest

HELLO = Path(__file__).parents[3] / "examples" / "hello"
SEES = """
import os, sys, urllib.request
from penstock.rundir import storage
storage.replace(sys.argv[1], b"x")
# Whoever else goes by the variable of the AWS tools, as boto3 does.
import ssl
context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
try:
    urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL_S3"], context=context, timeout=10)
except urllib.error.HTTPError as error:
    print(error.code)
"""


def test_without_the_authority_the_store_is_not_reached_and_the_remedy_is_named(company_s3: str) -> None:
    with pytest.raises(StoreUnreachable, match="is not trusted: name the file of its authority by AWS_CA_BUNDLE"):
        storage.replace(f"{company_s3}/a", b"x")


def test_with_the_aws_variable_it_is_trusted(
    company_s3: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BUNDLE_VARIABLE, str(authority.certificate))
    storage.replace(f"{company_s3}/a", b"x")
    assert (storage.read_bytes(f"{company_s3}/a"), storage.names(company_s3)) == (b"x", ["a"])


def test_a_bundle_that_changes_is_read_again_and_one_that_cannot_be_read_is_told(
    company_s3: str, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BUNDLE_VARIABLE, str(tmp_path / "ca.crt"))
    with pytest.raises(StoreUnreachable, match=r"cannot be read: .*ca\.crt.*: correct AWS_CA_BUNDLE"):
        storage.names(company_s3)
    (tmp_path / "ca.crt").write_bytes(Authority(tmp_path / "stranger").certificate.read_bytes())
    with pytest.raises(StoreUnreachable, match="is not trusted"):
        storage.names(company_s3)
    (tmp_path / "new").write_bytes(authority.certificate.read_bytes())
    (tmp_path / "new").replace(tmp_path / "ca.crt")
    assert storage.names(company_s3) == []


def test_the_content_alone_is_enough_also_for_other_clients_of_the_process(
    company_s3: str, authority: Authority, tmp_path: Path
) -> None:
    env = {**os.environ, CONTENT_VARIABLE: authority.certificate.read_text(), "TMPDIR": str(tmp_path)}
    line = [sys.executable, "-c", SEES, f"{company_s3}/a"]
    for _ in range(2):
        done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (0, "403\n"), done.stderr
    (folder,) = tmp_path.iterdir()
    (written,) = folder.iterdir()
    assert written.read_bytes() == authority.certificate.read_bytes()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_nobody_else_says_whom_to_trust(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, company_s3: str
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv(CONTENT_VARIABLE, authority.certificate.read_text())
    planted = tmp_path / f"penstock-{os.getuid()}"
    planted.mkdir()
    planted.chmod(0o777)
    path = bundle()
    assert path is not None
    assert path.parent != planted
    assert path.read_bytes() == authority.certificate.read_bytes()
    assert list(planted.iterdir()) == []


def test_an_attempt_and_a_staging_reach_it_with_what_the_operator_hands_them(
    company_s3: str,
    authority: Authority,
    tmp_path: Path,
    new_world: Any,
    write_run: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(CONTENT_VARIABLE, authority.certificate.read_text())
    spec = AttemptSpec.model_validate(
        {
            "namespace": "default",
            "name": "hello",
            "uid": "u",
            "attempt": 1,
            "run": "u-1",
            "run_uri": f"{company_s3}/hello/u-1",
            "source": {"path": str(HELLO)},
            "entrypoint": "train.py",
        }
    )
    env = {**os.environ, ATTEMPT_VARIABLE: spec.model_dump_json(by_alias=True)}
    line = [sys.executable, "-m", "penstock.train.launch"]
    done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert {output.name for output in read_manifest(spec.run_uri).outputs} >= {"features"}
    world = new_world(tmp_path)
    world.artifacts = company_s3
    world.train("u-1", write_run)
    ((code, last),) = world.stage(world.spec("u-1"))
    assert code == 0, last
