"""The embedded API by the Kubernetes REST conventions, spoken to by the official client over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from kubernetes.aio.client import ApiClient, Configuration, CoreV1Api, CustomObjectsApi
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.watch import Watch

from penstock_operator.local.apiserver.api import create_app
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.local.stack.logs import RayLogs
from penstock_operator.ports import Unreachable

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


class Jobs:
    """The TrainingJobs of one namespace."""

    def __init__(self, client: ApiClient) -> None:
        self.api = CustomObjectsApi(client)
        self.kind = {"group": "penstock.dev", "version": "v1alpha1", "namespace": "default", "plural": "trainingjobs"}

    async def create(self, body: dict[str, Any]) -> Any:
        return await self.api.create_namespaced_custom_object(**self.kind, body=body)

    async def get(self, name: str) -> Any:
        return await self.api.get_namespaced_custom_object(**self.kind, name=name)

    async def names(self) -> list[str]:
        listed: Any = await self.api.list_namespaced_custom_object(**self.kind)
        return [item["metadata"]["name"] for item in listed["items"]]

    async def delete(self, name: str) -> None:
        await self.api.delete_namespaced_custom_object(**self.kind, name=name)

    async def merge(self, name: str, body: dict[str, Any]) -> Any:
        type_ = "application/merge-patch+json"
        return await self.api.patch_namespaced_custom_object(**self.kind, name=name, body=body, _content_type=type_)

    async def merge_status(self, name: str, body: dict[str, Any]) -> Any:
        type_ = "application/merge-patch+json"
        return await self.api.patch_namespaced_custom_object_status(
            **self.kind, name=name, body=body, _content_type=type_
        )

    async def apply(self, body: dict[str, Any]) -> Any:
        return await self.api.patch_namespaced_custom_object(
            **self.kind,
            name=body["metadata"]["name"],
            body=body,
            field_manager="penstock",
            _content_type="application/apply-patch+yaml",
        )


@pytest.fixture
async def client(url: str) -> AsyncIterator[ApiClient]:
    async with ApiClient(Configuration(host=url, api_key={"BearerToken": f"Bearer {TOKEN}"})) as client:
        yield client


@pytest.fixture
def jobs(client: ApiClient) -> Jobs:
    return Jobs(client)


def job(name: str = "digits", **spec: object) -> dict[str, Any]:
    return {
        "apiVersion": "penstock.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"source": {"type": "Path", "path": "/code"}, "entrypoint": "train.py", **spec},
    }


async def test_create_defaults_get_list_delete(jobs: Jobs) -> None:
    made = await jobs.create(job())
    assert made["spec"]["workers"]["count"] == 1
    assert made["metadata"]["generation"] == 1
    assert (await jobs.get("digits"))["metadata"]["uid"] == made["metadata"]["uid"]
    assert await jobs.names() == ["digits"]
    await jobs.delete("digits")
    with pytest.raises(ApiException) as missing:
        await jobs.get("digits")
    assert missing.value.status == 404


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"workers": {"count": 0}}, "spec.workers.count"),
        ({"wrokers": {"count": 1}}, 'unknown field "spec.wrokers"'),
        ({"workers": {"count": 2}}, "strategy Single has one worker"),
    ],
)
async def test_a_bad_spec_is_refused_and_the_field_named(jobs: Jobs, spec: Any, message: str) -> None:
    with pytest.raises(ApiException) as refused:
        await jobs.create(job(**spec))
    assert refused.value.status == 422
    assert message in json.loads(refused.value.body)["message"]


async def test_apply_removes_what_it_no_longer_names_and_leaves_the_rest(jobs: Jobs) -> None:
    await jobs.apply(job(attemptDeadlineSeconds=60, historyLimit=3))
    await jobs.merge("digits", {"spec": {"suspend": True}})
    applied = await jobs.apply(job(historyLimit=3))
    assert "attemptDeadlineSeconds" not in applied["spec"]
    assert (applied["spec"]["suspend"], applied["spec"]["historyLimit"]) == (True, 3)
    again = await jobs.apply(job(historyLimit=3))
    assert again["metadata"]["resourceVersion"] == applied["metadata"]["resourceVersion"]


async def test_status_is_a_subresource(jobs: Jobs) -> None:
    await jobs.create(job())
    await jobs.merge_status("digits", {"status": {"latestRun": "r-1"}})
    await jobs.merge("digits", {"spec": {"suspend": True}, "status": {"latestRun": "r-2"}})
    found = await jobs.get("digits")
    assert found["status"]["latestRun"] == "r-1"
    assert found["metadata"]["generation"] == 2


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


async def test_a_dry_deletion_and_one_of_another_object_delete_nothing(url: str, jobs: Jobs) -> None:
    made = await jobs.create(job())
    path = "/apis/penstock.dev/v1alpha1/namespaces/default/trainingjobs/digits"
    async with httpx2.AsyncClient(base_url=url, trust_env=False, headers=HEADERS) as http:
        assert (await http.delete(path, params={"dryRun": "All"})).status_code == 200
        for options, code in (({"dryRun": ["All"]}, 200), ({"preconditions": {"uid": "other"}}, 409)):
            assert (await http.request("DELETE", path, json=options)).status_code == code
        assert (await jobs.get("digits"))["metadata"]["uid"] == made["metadata"]["uid"]
        options = {"preconditions": {"uid": made["metadata"]["uid"]}}
        assert (await http.request("DELETE", path, json=options)).status_code == 200
        assert (await http.get(path)).status_code == 404


async def test_a_stale_replace_conflicts(jobs: Jobs) -> None:
    made = await jobs.create(job())
    await jobs.merge("digits", {"spec": {"suspend": True}})
    with pytest.raises(ApiException) as conflict:
        await jobs.api.replace_namespaced_custom_object(**jobs.kind, name="digits", body=made)
    assert conflict.value.status == 409


async def test_a_watch_sees_what_is_and_what_changes(jobs: Jobs) -> None:
    await jobs.create(job())
    seen: list[tuple[str, bool]] = []

    async def watch() -> None:
        async with Watch().stream(jobs.api.list_namespaced_custom_object, **jobs.kind) as changes:
            async for change in changes:
                seen.append((change["type"], change["object"]["spec"]["suspend"]))
                if change["type"] == "DELETED":
                    return

    task = asyncio.create_task(watch())
    await asyncio.sleep(0.2)
    await jobs.merge("digits", {"spec": {"suspend": True}})
    await jobs.delete("digits")
    await asyncio.wait_for(task, 5)
    assert seen == [("ADDED", False), ("MODIFIED", True), ("DELETED", True)]


async def test_secrets_are_encoded_and_events_can_be_selected(client: ApiClient) -> None:
    core = CoreV1Api(client)
    await core.create_namespaced_secret("default", {"metadata": {"name": "key"}, "stringData": {"a": "b"}})
    assert (await core.read_namespaced_secret("key", "default")).data == {"a": "Yg=="}


async def test_the_token_is_needed_and_tables_are_served(url: str) -> None:
    path = "/apis/penstock.dev/v1alpha1/namespaces/default/trainingjobs"
    async with httpx2.AsyncClient(base_url=url, trust_env=False) as http:
        assert (await http.get(path)).status_code == 401
        assert (await http.get("/readyz")).status_code == 200
        headers = {"Authorization": f"Bearer {TOKEN}"}
        await http.post(path, headers=headers, json=job())
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
    made = store.create(job())
    attempt = {"number": 1, "run": "r-1", "submissionId": "s-1", "state": "Running"}
    store.update_status({**made, "status": {"attempts": [attempt]}})
    app = create_app(store, None, RayLogs(store, Away()))  # type: ignore[arg-type]
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://api") as http:
        answer = await http.get("/penstock/v1/namespaces/default/trainingjobs/digits/log", params={"follow": "true"})
    assert (answer.status_code, answer.json()["message"]) == (503, "Ray is away")


async def test_another_name_or_namespace_than_the_paths_is_refused_and_changes_nothing(url: str, jobs: Jobs) -> None:
    made = await jobs.create(job())
    other = await jobs.create(job("other"))
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
