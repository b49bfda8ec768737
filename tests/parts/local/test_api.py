"""The embedded API by the Kubernetes REST conventions, spoken to by a Kubernetes client over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from lightkube import ApiError, AsyncClient
from lightkube.config.kubeconfig import KubeConfig
from lightkube.core.resource import NamespacedResource
from lightkube.generic_resource import create_namespaced_resource
from lightkube.resources.core_v1 import Secret

from penstock_operator.local.apiserver.api import create_app
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.local.stack.logs import RayLogs
from penstock_operator.ports import Unreachable

TrainingJob: Any = create_namespaced_resource("penstock.dev", "v1alpha1", "TrainingJob", "trainingjobs")
TOKEN = "a-token"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    config = uvicorn.Config(create_app(ObjectStore(tmp_path / "state.db"), TOKEN), port=0, log_level="warning")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = server.force_exit = True
    await task


@pytest.fixture
async def client(url: str) -> AsyncIterator[AsyncClient]:
    config = KubeConfig.from_dict(
        {
            "clusters": [{"name": "c", "cluster": {"server": url}}],
            "users": [{"name": "u", "user": {"token": TOKEN}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "default"}}],
            "current-context": "x",
        }
    )
    client = AsyncClient(config=config, field_manager="penstock", trust_env=False)
    yield client
    await client.close()


def job(name: str = "digits", **spec: object) -> NamespacedResource:
    body = {"source": {"type": "Path", "path": "/code"}, "entrypoint": "train.py", **spec}
    made: NamespacedResource = TrainingJob(metadata={"name": name, "namespace": "default"}, spec=body)
    return made


async def test_create_defaults_get_list_delete(client: AsyncClient) -> None:
    made = await client.create(job())
    assert made.spec["workers"]["count"] == 1
    assert made.metadata.generation == 1
    assert (await client.get(TrainingJob, "digits")).metadata.uid == made.metadata.uid
    assert [found.metadata.name async for found in client.list(TrainingJob)] == ["digits"]
    await client.delete(TrainingJob, "digits")
    with pytest.raises(ApiError) as missing:
        await client.get(TrainingJob, "digits")
    assert missing.value.status.code == 404


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"workers": {"count": 0}}, "spec.workers.count"),
        ({"wrokers": {"count": 1}}, 'unknown field "spec.wrokers"'),
        ({"workers": {"count": 2}}, "strategy Single has one worker"),
    ],
)
async def test_a_bad_spec_is_refused_and_the_field_named(client: AsyncClient, spec: Any, message: str) -> None:
    with pytest.raises(ApiError, match=message.replace("[", r"\[")) as refused:
        await client.create(job(**spec))
    assert refused.value.status.code == 422


async def test_apply_removes_what_it_no_longer_names_and_leaves_the_rest(client: AsyncClient) -> None:
    await client.apply(job(attemptDeadlineSeconds=60, historyLimit=3))
    await client.patch(TrainingJob, "digits", {"spec": {"suspend": True}})
    applied = await client.apply(job(historyLimit=3))
    assert "attemptDeadlineSeconds" not in applied.spec
    assert (applied.spec["suspend"], applied.spec["historyLimit"]) == (True, 3)
    again = await client.apply(job(historyLimit=3))
    assert again.metadata.resourceVersion == applied.metadata.resourceVersion


async def test_status_is_a_subresource(client: AsyncClient) -> None:
    await client.create(job())
    status = {"status": {"latestRun": "r-1"}}
    await client.patch(TrainingJob.Status, "digits", status)
    await client.patch(TrainingJob, "digits", {"spec": {"suspend": True}, "status": {"latestRun": "r-2"}})
    found = await client.get(TrainingJob, "digits")
    assert found["status"]["latestRun"] == "r-1"
    assert found.metadata.generation == 2


@pytest.mark.parametrize(
    ("namespace", "metadata", "message"),
    [
        ("default", {"name": "a", "labels": {"version": 1}}, "metadata.labels.version: 1 is no string"),
        ("default", {"name": "a", "annotations": "x"}, "metadata.annotations: an object is needed"),
        ("default", {"name": "a", "finalizers": "x"}, "metadata.finalizers: a list of strings"),
        ("default", {"name": "a", "ownerReferences": [{}]}, "metadata.ownerReferences"),
        ("default", {"name": "a/b"}, "metadata.name: 'a/b' is no name"),
        ("My NS", {"name": "a"}, "metadata.namespace: 'My NS' is no name"),
    ],
)
async def test_bad_metadata_is_refused(url: str, namespace: str, metadata: Any, message: str) -> None:
    async with httpx2.AsyncClient(base_url=url, trust_env=False, headers=HEADERS) as http:
        path = f"/apis/penstock.dev/v1alpha1/namespaces/{namespace}/vectorstores"
        answer = await http.post(path, json={"metadata": metadata, "spec": {}})
        assert (answer.status_code, answer.json()["reason"]) == (400, "BadRequest")
        assert message in answer.json()["message"]


async def test_a_body_is_json_first(url: str) -> None:
    path = "/apis/penstock.dev/v1alpha1/namespaces/default/vectorstores"
    body = '{\n\t"metadata": {"name": "a", "annotations": {"a": "\\ud83d\\ude00"}}, "spec": {}}'
    async with httpx2.AsyncClient(base_url=url, trust_env=False, headers=HEADERS) as http:
        answer = await http.post(path, content=body)
        assert (answer.status_code, answer.json()["metadata"]["annotations"]) == (201, {"a": "\U0001f600"})


async def test_a_dry_deletion_and_one_of_another_object_delete_nothing(url: str, client: AsyncClient) -> None:
    made = await client.create(job())
    path = "/apis/penstock.dev/v1alpha1/namespaces/default/trainingjobs/digits"
    async with httpx2.AsyncClient(base_url=url, trust_env=False, headers=HEADERS) as http:
        assert (await http.delete(path, params={"dryRun": "All"})).status_code == 200
        for options, code in (({"dryRun": ["All"]}, 200), ({"preconditions": {"uid": "other"}}, 409)):
            assert (await http.request("DELETE", path, json=options)).status_code == code
        assert (await client.get(TrainingJob, "digits")).metadata.uid == made.metadata.uid
        options = {"preconditions": {"uid": made.metadata.uid}}
        assert (await http.request("DELETE", path, json=options)).status_code == 200
        assert (await http.get(path)).status_code == 404


async def test_a_stale_replace_conflicts(client: AsyncClient) -> None:
    made = await client.create(job())
    await client.patch(TrainingJob, "digits", {"spec": {"suspend": True}})
    with pytest.raises(ApiError) as conflict:
        await client.replace(made)
    assert conflict.value.status.code == 409


async def test_a_watch_sees_what_is_and_what_changes(client: AsyncClient) -> None:
    await client.create(job())
    seen: list[tuple[str, bool]] = []

    async def watch() -> None:
        async for type_, found in client.watch(TrainingJob):
            seen.append((type_, found.spec["suspend"]))
            if type_ == "DELETED":
                return

    task = asyncio.create_task(watch())
    await asyncio.sleep(0.2)
    await client.patch(TrainingJob, "digits", {"spec": {"suspend": True}})
    await client.delete(TrainingJob, "digits")
    await asyncio.wait_for(task, 5)
    assert seen == [("ADDED", False), ("MODIFIED", True), ("DELETED", True)]


async def test_secrets_are_encoded_and_events_can_be_selected(client: AsyncClient) -> None:
    await client.create(
        Secret.from_dict({"metadata": {"name": "key", "namespace": "default"}, "stringData": {"a": "b"}})
    )
    secret = await client.get(Secret, "key")
    assert secret.data == {"a": "Yg=="}


async def test_the_token_is_needed_and_tables_are_served(url: str) -> None:
    path = "/apis/penstock.dev/v1alpha1/namespaces/default/trainingjobs"
    async with httpx2.AsyncClient(base_url=url, trust_env=False) as http:
        assert (await http.get(path)).status_code == 401
        assert (await http.get("/readyz")).status_code == 200
        headers = {"Authorization": f"Bearer {TOKEN}"}
        await http.post(path, headers=headers, json=job().to_dict())
        accept = {**headers, "Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
        table = (await http.get(path, headers=accept)).json()
        assert [column["name"] for column in table["columnDefinitions"]][:3] == ["Name", "Succeeded", "Reason"]
        assert table["rows"][0]["cells"][0] == "digits"
        listed = (await http.get("/apis/penstock.dev/v1alpha1", headers=headers)).json()["resources"]
        assert {"trainingjobs", "trainingjobs/status"} <= {entry["name"] for entry in listed}
        bad = await http.post(path, headers=headers, content=b"{not json")
        assert (bad.status_code, json.loads(bad.content)["kind"]) == (400, "Status")


class Away:
    async def ray_of(self, owner: object) -> Away:
        return self

    """A Ray that does not answer, behind the logs."""

    async def job(self, submission_id: str) -> Any:
        raise Unreachable("Ray is away")


async def test_the_log_of_a_ray_that_is_away_says_so(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path / "state.db")
    made = store.create({**job().to_dict(), "apiVersion": "penstock.dev/v1alpha1", "kind": "TrainingJob"})
    attempt = {"number": 1, "run": "r-1", "submissionId": "s-1", "state": "Running"}
    store.update_status({**made, "status": {"attempts": [attempt]}})
    app = create_app(store, None, RayLogs(store, Away()))  # type: ignore[arg-type]
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://api") as http:
        answer = await http.get("/penstock/v1/namespaces/default/trainingjobs/digits/log", params={"follow": "true"})
    assert (answer.status_code, answer.json()["message"]) == (503, "Ray is away")


async def test_another_name_or_namespace_than_the_paths_is_refused_and_changes_nothing(
    url: str, client: AsyncClient
) -> None:
    made = (await client.create(job())).to_dict()
    other = (await client.create(job("other"))).to_dict()
    path = "/apis/penstock.dev/v1alpha1/namespaces/default/trainingjobs/digits"
    patch = {"metadata": {"name": "other", "resourceVersion": None}, "spec": {"suspend": True}}
    apply = {**made, "metadata": {"name": "other", "namespace": "default"}}
    merge = {"Content-Type": "application/merge-patch+json"}
    ssa = {"Content-Type": "application/apply-patch+yaml"}
    async with httpx2.AsyncClient(base_url=url, trust_env=False, headers=HEADERS) as http:
        answers = [
            await http.put(path, json={**made, "metadata": {**made["metadata"], "name": "other"}}),
            await http.put(path, json={**made, "metadata": {**made["metadata"], "namespace": "elsewhere"}}),
            await http.put(path, json={**made, "metadata": {}}),
            await http.put(f"{path}/status", json={**made, "metadata": {**made["metadata"], "name": "other"}}),
            await http.patch(path, json=patch, headers=merge),
            await http.patch(path, json=apply, headers=ssa, params={"fieldManager": "test"}),
        ]
        assert [answer.status_code for answer in answers] == [400] * 6, [answer.text for answer in answers]
        assert "metadata.name is 'other', and the path says 'digits'" in answers[0].json()["message"]
        assert "metadata.namespace is 'elsewhere'" in answers[1].json()["message"]
        assert (await http.get(path)).json() == made
        assert (await http.get(path.replace("digits", "other"))).json() == other
        replaced = await http.put(path, json={**made, "metadata": {**made["metadata"], "labels": {"a": "b"}}})
        assert (replaced.status_code, replaced.json()["metadata"]["labels"]) == (200, {"a": "b"})
