"""The client's reads and writes against the embedded API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import history
import pytest
import yaml

from penstock.api import KINDS, Materialization, StagedRun, TrainingJob, VectorStore
from penstock.api.meta import ObjectMeta
from penstock.api.source import Source, SourceType
from penstock.api.trainingjob import RERUN_ANNOTATION, TrainingJobSpec
from penstock.client import AsyncClient, errors

SPEC: dict[str, Any] = {"source": {"type": "Path", "path": "/code"}, "entrypoint": "train.py"}


def job(name: str = "digits", **spec: Any) -> dict[str, Any]:
    return document("TrainingJob", name, **{**SPEC, **spec})


def document(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "penstock.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


async def test_apply_says_what_it_did_and_removes_what_is_left_out(client: AsyncClient, world: Any) -> None:
    assert (await client.apply(job(historyLimit=3))).outcome == "created"
    assert (await client.apply(job(historyLimit=3))).outcome == "unchanged"
    changed = await client.apply(job())
    assert (changed.outcome, changed.resource.metadata.generation) == ("configured", 2)
    assert world.get("TrainingJob", "digits")["spec"]["historyLimit"] == 5


async def test_dry_run_writes_nothing(client: AsyncClient) -> None:
    assert (await client.apply(job(), dry_run=True)).outcome == "created"
    with pytest.raises(errors.NotFound, match="digits"):
        await client.get(TrainingJob, "digits")


async def test_a_resource_made_in_python_applies_only_what_was_set(client: AsyncClient, world: Any) -> None:
    made = TrainingJob(
        metadata=ObjectMeta(name="digits", labels={"team": "search"}),
        spec=TrainingJobSpec(source=Source(type=SourceType.PATH, path="/code"), entrypoint="train.py"),
    )
    await client.apply(made)
    stored = world.get("TrainingJob", "digits")
    (entry,) = stored["metadata"]["managedFields"]
    assert entry["manager"] == "penstock"
    assert set(entry["fieldsV1"]["f:spec"]) == {"f:source", "f:entrypoint"}
    assert [found.metadata.name for found in await client.list(TrainingJob, labels={"team": "search"})] == ["digits"]
    assert await client.list(TrainingJob, labels="team=ads") == []


async def test_objects_are_typed_and_documents_whole(client: AsyncClient) -> None:
    await client.apply(job())
    found = await client.get(TrainingJob, "digits")
    assert (found.spec.entrypoint, found.metadata.generation) == ("train.py", 1)
    assert "managedFields" in (await client.document(TrainingJob, "digits"))["metadata"]
    listed = await client.documents(TrainingJob, all_namespaces=True)
    assert [entry["kind"] for entry in listed] == ["TrainingJob"]
    table = await client.table(TrainingJob, "digits")
    assert table["rows"][0]["cells"][0] == "digits"


async def test_a_namespace_can_be_given_to_the_client_or_to_a_call(client: AsyncClient, world: Any) -> None:
    async with AsyncClient(world.kubeconfig, namespace="search") as other:
        await other.apply(job())
    assert await client.list(TrainingJob) == []
    assert (await client.get(TrainingJob, "digits", namespace="search")).metadata.namespace == "search"
    assert len(await client.list(TrainingJob, all_namespaces=True)) == 1


async def test_apply_path_checks_all_then_sends_in_order(client: AsyncClient, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    relative = job(source={"type": "Path", "path": "code"})
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}, "stringData": {"a": "b"}}
    (folder / "b.yaml").write_text(yaml.safe_dump_all([relative, document("VectorStore", "vectors"), None]))
    (folder / "a.yaml").write_text(yaml.safe_dump(secret))
    applied = await client.apply_path(folder)
    assert [(a.kind, a.outcome) for a in applied] == [
        ("Secret", "created"),
        ("VectorStore", "created"),
        ("TrainingJob", "created"),
    ]
    assert (await client.get(TrainingJob, "digits")).spec.source.path == str(folder / "code")
    assert [a.outcome for a in await client.apply_path(folder)] == ["unchanged"] * 3


async def test_a_bad_document_stops_all_of_them(client: AsyncClient, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(yaml.safe_dump_all([job(), {**job("other"), "kind": "Pod"}]))
    with pytest.raises(errors.ManifestError, match=r"bad\.yaml, document 2: kind 'Pod'"):
        await client.apply_path(file)
    assert await client.list(TrainingJob) == []


@pytest.mark.parametrize(
    ("spec", "message"),
    [({"workers": {"count": 0}}, "spec.workers.count"), ({"wrokers": 1}, 'unknown field "spec.wrokers"')],
)
async def test_a_refused_spec_names_the_field(client: AsyncClient, spec: Any, message: str) -> None:
    with pytest.raises(errors.Invalid, match=message) as refused:
        await client.apply(job(**spec))
    assert refused.value.code == 422
    causes = [cause.partition(": ") for cause in refused.value.causes]
    assert message.rpartition(" ")[2].strip('"') in [field for field, _, _ in causes]
    assert not any(field in told for field, _, told in causes), "the field is told once"


async def test_patch_suspend_resume_and_rerun(client: AsyncClient) -> None:
    await client.apply(job())
    assert (await client.suspend(TrainingJob, "digits")).spec.suspend
    assert not (await client.resume(TrainingJob, "digits")).spec.suspend
    assert len({(await client.rerun("digits")).metadata.annotations[RERUN_ANNOTATION] for _ in range(2)}) == 2
    assert (await client.patch(TrainingJob, "digits", {"spec": {"historyLimit": 9}})).spec.history_limit == 9
    with pytest.raises(errors.Conflict):
        await client.patch(TrainingJob, "digits", {"metadata": {"resourceVersion": "1"}, "spec": {"historyLimit": 9}})
    with pytest.raises(errors.NotPossible, match=r"vectorstore\.penstock\.dev/vectors cannot be suspended"):
        await client.suspend(VectorStore, "vectors")


async def test_delete_waits_for_the_finalizers(client: AsyncClient, world: Any) -> None:
    await client.apply(job())

    def hold(store: Any) -> None:
        found = store.get("TrainingJob", "default", "digits")
        store.update({**found, "metadata": {**found["metadata"], "finalizers": ["penstock.dev/finalizer"]}})

    world.do(hold)
    with pytest.raises(errors.WaitTimeout, match="is not gone within"):
        await client.delete(TrainingJob, "digits", timeout=0.5)
    await client.patch(TrainingJob, "digits", {"metadata": {"finalizers": None}})
    await client.wait(TrainingJob, "digits", "delete", timeout=5)
    with pytest.raises(errors.NotFound):
        await client.delete(TrainingJob, "digits")


async def test_events_and_logs(client: AsyncClient, world: Any) -> None:
    from penstock_operator.local.apiserver.cluster import LocalCluster

    await client.apply(job())

    def record(store: Any) -> None:
        coroutine = LocalCluster(store).record(store.get("TrainingJob", "default", "digits"), "Normal", "Running", "It")
        with pytest.raises(StopIteration):
            coroutine.send(None)

    world.do(record)
    (event,) = await client.events(TrainingJob, "digits")
    assert (event.reason, event.message, event.count) == ("Running", "It", 1)
    assert await client.events(TrainingJob, "other") == []
    lines = [line async for line in client.logs(TrainingJob, "digits", attempt=2, follow=True)]
    assert lines == ["TrainingJob/default/digits attempt 2", "follow True"]
    with pytest.raises(errors.NotPossible, match=r"digits has no log of attempt 9.*it has 1"):
        await anext(client.logs(TrainingJob, "digits", attempt=9))
    with pytest.raises(errors.NotFound, match="other"):
        await anext(client.logs(TrainingJob, "other", attempt=9))


@pytest.mark.parametrize("kind", KINDS.values())
async def test_every_kind_is_served(client: AsyncClient, kind: Any) -> None:
    assert await client.list(kind) == []


POLICY = "ValidatingAdmissionPolicy 'penstock-runs' with binding 'penstock-runs' denied request: "
SERVED = "the run is served, pinned, or what a rollback goes back to: promote another one first"


@pytest.mark.parametrize(
    ("code", "reason", "said"), [(422, "Invalid", f"{POLICY}{SERVED}"), (403, "Forbidden", SERVED)]
)
async def test_a_deletion_that_a_rule_refuses_is_told_in_one_line(
    client: AsyncClient, world: Any, code: int, reason: str, said: str
) -> None:
    history.stage(world, "r-1", materialization="other")
    message = f'stagedruns.penstock.dev "other-r-1" is forbidden: {said}'
    path = "/apis/penstock.dev/v1alpha1/namespaces/default/stagedruns/other-r-1"
    world.documents[path] = {"kind": "Status", "reason": reason, "code": code, "message": message}
    with pytest.raises(errors.NotPossible) as refused:
        await client.delete(StagedRun, "other-r-1")
    assert str(refused.value) == f"stagedrun.penstock.dev/other-r-1 cannot be deleted: {SERVED}"
    world.documents[path] = {**world.documents[path], "reason": "Forbidden", "code": 403, "message": "User cannot"}
    with pytest.raises(errors.Forbidden, match="User cannot"):
        await client.delete(StagedRun, "other-r-1")


async def test_what_penstock_makes_cannot_be_applied(client: AsyncClient, world: Any, tmp_path: Path) -> None:
    history.train(world, "r-1")
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(world.get("TrainingRun", "r-1")))
    with pytest.raises(errors.ManifestError, match="a TrainingRun is made by Penstock, and cannot be applied"):
        await client.apply_path(tmp_path)
    with pytest.raises(errors.ManifestError, match="'TrainingRun' cannot be applied"):
        await client.apply(world.get("TrainingRun", "r-1"))


async def test_who_is_not_known_and_what_does_not_answer(world: Any) -> None:
    async with AsyncClient(world.kubeconfig, context="stranger") as stranger:
        with pytest.raises(errors.Unauthorized):
            await stranger.list(Materialization)
        with pytest.raises(errors.Unauthorized):
            await stranger.table(Materialization)
    world.stop()
    async with AsyncClient(world.kubeconfig) as client:
        with pytest.raises(errors.Unreachable, match=world.url):
            await client.list(Materialization)
