"""A run that was staged again for a changed view and collection is answered as they now are."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.api.materialization import Materialization
from penstock.materialize.job import run_staging

NEIGHBOURS = {"vectors": [[2.5] * 8], "k": 2}


def restaged(staged: Any, **collection: Any) -> Materialization:
    """The pointer once r-1 was staged again, its view without the label, its collection as told."""
    world, name = staged.world, f"again_{abs(hash(str(collection)))}"
    view = world.view("r-1", view=name, features=[{"name": "ink", "type": "Float32"}], ttlSeconds=315_360_000)
    vectors = world.collection("r-1", collection=name, **collection)
    uri = f"{world.artifacts}/r-1/staging/m/{name}"
    report = run_staging(world.spec("r-1", features=[view], vectors=[vectors], stageUri=uri))
    assert report.outcome == "Staged"
    outputs = [output.to_wire() for output in report.outputs]
    pointer: Materialization = staged.pointer("r-1")
    body = pointer.model_dump(mode="json", by_alias=True)
    body["status"]["active"] |= {"stagedRunRef": {"name": "again", "uid": name}, "outputs": outputs}
    return Materialization.model_validate(body)


@pytest.mark.parametrize("serving", ["Store", "InMemory"])
async def test_a_field_that_the_collection_no_longer_has_is_not_answered(
    gateway: Any, staged: Any, serving: str
) -> None:
    before = await gateway.ask("vectors/images", NEIGHBOURS)
    assert [set(hit["fields"]) for hit in before.json()["results"][0]] == [{"digit"}] * 2
    await gateway.serve(restaged(staged, scalarFields=[], serving=serving))
    after = await gateway.ask("vectors/images", NEIGHBOURS)
    assert after.status_code == 200, after.text
    hits = [[(hit["id"], hit["fields"]) for hit in answer.json()["results"][0]] for answer in (before, after)]
    assert [id_ for id_, _ in hits[0]] == [id_ for id_, _ in hits[1]]
    assert [fields for _, fields in hits[1]] == [{}, {}]
    refused = await gateway.ask("vectors/images", NEIGHBOURS | {"fields": ["digit"]})
    assert (refused.status_code, "it has none" in refused.text) == (404, True)


async def test_the_features_and_the_index_are_those_of_the_new_staging(gateway: Any, staged: Any) -> None:
    pointer = restaged(staged, index={"type": "HNSW"})
    assert pointer.status.active is not None
    assert pointer.status.active.outputs[1].index == "HNSW"
    await gateway.serve(pointer)
    answers = [await gateway.ask("features/images", {"entities": [{"id": 1}]}, **run) for run in ({}, {"run": "r-2"})]
    assert [set(answer.json()["rows"][0]["features"]) for answer in answers] == [{"ink"}, {"ink", "label"}]
