"""What `apply` does with code of this machine on a cluster: into its artifact store, or into a ConfigMap."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from authority import Authority
from typer.testing import CliRunner

from penstock.api import TrainingJob
from penstock.cli.app import app
from penstock.client import AsyncClient
from penstock.client.errors import ConfigError, ManifestError, Unreachable
from penstock.rundir import storage
from penstock.sources.store import archive_uri, fetch

VOLUME = "file:///var/lib/penstock/artifacts"


@pytest.fixture
async def cluster(world: Any) -> AsyncIterator[AsyncClient]:
    """A client that takes the API for a cluster's."""
    async with AsyncClient(world.kubeconfig, context="cluster") as client:
        yield client


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "train.py").write_text("import helper")
    (folder / "helper.py").write_text("ANSWER = 42")
    return folder


def installed(world: Any, artifacts: str) -> None:
    document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "penstock-installation", "namespace": "penstock"},
        "data": {"installation.json": json.dumps({"artifacts": artifacts, "ofTheFuture": 1})},
    }
    world.do(lambda store: store.create(document))


def job(path: Path | str, name: str = "digits") -> dict[str, Any]:
    spec = {"source": {"type": "Path", "path": str(path)}, "entrypoint": "train.py"}
    return {"apiVersion": "penstock.dev/v1alpha1", "kind": "TrainingJob", "metadata": {"name": name}, "spec": spec}


def config_maps(world: Any) -> list[dict[str, Any]]:
    return list(world.do(lambda store: store.list("ConfigMap", "default")))


async def test_code_goes_into_the_artifact_store_once(
    world: Any, cluster: AsyncClient, code: Path, s3: str, tmp_path: Path
) -> None:
    installed(world, s3)
    first = await cluster.apply(job(code))
    digest = first.document["spec"]["source"]["archive"]["digest"]
    assert first.document["spec"]["source"] == {"type": "Archive", "archive": {"digest": digest}}
    written = storage.modified(archive_uri(s3, digest))
    folder = tmp_path / "unpacked"
    folder.mkdir()
    fetch(archive_uri(s3, digest), digest, folder)
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "train.py": "import helper",
        "helper.py": "ANSWER = 42",
    }
    assert (await cluster.apply(job(code))).outcome == "unchanged"
    assert storage.modified(archive_uri(s3, digest)) == written
    (code / "helper.py").write_text("ANSWER = 43")
    assert (await cluster.apply(job(code))).outcome == "configured"
    assert len(storage.names(storage.join(s3, "sources"))) == 2


async def test_code_goes_to_a_store_of_a_private_authority_by_the_variable_of_the_aws_tools(
    world: Any,
    cluster: AsyncClient,
    code: Path,
    company_s3: str,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed(world, company_s3)
    with pytest.raises(Unreachable, match="is not trusted: name the file of its authority by AWS_CA_BUNDLE"):
        await cluster.apply(job(code))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.certificate))
    digest = (await cluster.apply(job(code))).document["spec"]["source"]["archive"]["digest"]
    assert storage.exists(archive_uri(company_s3, digest))


async def test_a_dry_run_uploads_nothing(world: Any, cluster: AsyncClient, code: Path, s3: str) -> None:
    installed(world, s3)
    applied = await cluster.apply(job(code), dry_run=True)
    assert list(applied.document["spec"]["source"]) == ["type", "archive"]
    assert storage.names(s3) == []


async def test_a_path_of_an_image_and_other_sources_stay(world: Any, cluster: AsyncClient) -> None:
    applied = await cluster.apply(job("/opt/penstock/sources/nowhere"))
    assert applied.document["spec"]["source"] == {"type": "Path", "path": "/opt/penstock/sources/nowhere"}
    body = job("")
    body["spec"]["source"] = {"type": "ConfigMap", "configMapRef": {"name": "code"}}
    assert (await cluster.apply(body)).document["spec"]["source"] == {
        "type": "ConfigMap",
        "configMapRef": {"name": "code"},
    }


async def test_a_path_without_a_scheme_is_a_volume_of_the_clusters_and_no_folder_here(
    world: Any, cluster: AsyncClient, code: Path, tmp_path: Path
) -> None:
    installed(world, str(tmp_path / "artifacts"))
    applied = await cluster.apply(job(code))
    assert list(applied.document["spec"]["source"]) == ["type", "configMapRef"]
    assert not (tmp_path / "artifacts").exists()


async def test_where_artifacts_are_on_a_volume_code_goes_into_a_config_map(
    world: Any, cluster: AsyncClient, code: Path
) -> None:
    installed(world, VOLUME)
    first = await cluster.apply(job(code))
    (found,) = config_maps(world)
    name = found["metadata"]["name"]
    assert first.document["spec"]["source"] == {"type": "ConfigMap", "configMapRef": {"name": name}}
    assert name.startswith("digits-source-")
    assert found["data"] == {"train.py": "import helper", "helper.py": "ANSWER = 42"}
    owner = found["metadata"]["ownerReferences"]
    assert [(one["kind"], one["uid"]) for one in owner] == [("TrainingJob", first.document["metadata"]["uid"])]
    (code / "helper.py").write_bytes(b"\xff\x00")
    await cluster.apply(job(code))
    (other,) = config_maps(world)
    assert other["metadata"]["name"] != name
    assert other["binaryData"] == {"helper.py": "/wA="}
    assert other["metadata"]["ownerReferences"] == owner


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [("pkg/model.py", b"", "it holds 'pkg/model.py'"), ("weights.bin", bytes(2 << 20), "it has 2.0 MiB")],
)
async def test_what_no_config_map_takes_says_what_to_do(
    world: Any, cluster: AsyncClient, code: Path, name: str, content: bytes, why: str
) -> None:
    installed(world, VOLUME)
    (code / name).parent.mkdir(exist_ok=True)
    (code / name).write_bytes(content)
    with pytest.raises(ManifestError, match=f"{why}.*use spec.source.git, a path in an image, or an installation"):
        await cluster.apply(job(code))
    assert config_maps(world) == []


async def test_code_that_cannot_be_sent_is_told_before_anything_is(
    world: Any, cluster: AsyncClient, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="ConfigMap penstock-installation in namespace 'penstock' is not there"):
        await cluster.apply(job(code))
    with pytest.raises(ManifestError, match=r"spec.source.path '.*nowhere' is no folder of this machine"):
        await cluster.apply(job("nowhere"))
    monkeypatch.setenv("PENSTOCK_SYSTEM_NAMESPACE", "ml")
    with pytest.raises(ConfigError, match="in namespace 'ml'"):
        await cluster.apply(job(code))
    (code / "train.py").unlink()
    with pytest.raises(ManifestError, match=r"'train.py' \(spec.entrypoint\) is not in"):
        await cluster.apply(job(code))
    assert await cluster.list(TrainingJob) == []


async def test_a_store_that_refuses_is_named(
    world: Any, cluster: AsyncClient, code: Path, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(world, s3)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(ConfigError, match=rf"{s3}/sources/.* is refused .* AWS_PROFILE"):
        await cluster.apply(job(code))


async def test_a_local_stack_gets_the_absolute_path(
    client: AsyncClient, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(code.parent)
    assert (await client.apply(job("code"))).document["spec"]["source"] == {"type": "Path", "path": str(code)}


def test_the_command_uploads_the_folder_of_the_manifest(
    world: Any, code: Path, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(world, s3)
    monkeypatch.setenv("PENSTOCK_KUBECONFIG", str(world.kubeconfig))
    (code / "penstock.yaml").write_text(json.dumps(job(".")))
    done = CliRunner().invoke(app, ["apply", "-f", str(code), "--context", "cluster"])
    assert (done.exit_code, done.output) == (0, "trainingjob.penstock.dev/digits created\n")
    assert list(world.get("TrainingJob", "digits")["spec"]["source"]) == ["type", "archive"]
    assert len(storage.names(storage.join(s3, "sources"))) == 1


def test_a_folder_that_the_manifest_mistypes_is_named(world: Any, code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_KUBECONFIG", str(world.kubeconfig))
    (code / "penstock.yaml").write_text(json.dumps(job("cod")))
    done = CliRunner().invoke(app, ["apply", "-f", str(code), "--context", "cluster"])
    assert (done.exit_code, f"spec.source.path '{code}/cod' is no folder of this machine" in done.stderr) == (5, True)
