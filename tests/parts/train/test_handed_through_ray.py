"""What the operator hands to a job comes through Ray as it is, whatever is in it and in the job's other variables."""

from __future__ import annotations

import os

import pytest

from penstock.handoff import (
    ATTEMPT_VARIABLE,
    STAGING_VARIABLE,
    AttemptSpec,
    CollectionTarget,
    MilvusConnection,
    StagingSpec,
    as_variable,
)

COMMON = {"namespace": "team", "name": "digits", "uid": "u", "run": "u-1", "run_uri": "file:///runs/u-1"}


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_SECRET_0", 'a "quoted" \\ password')
    for name in (ATTEMPT_VARIABLE, STAGING_VARIABLE):
        monkeypatch.setenv(name, "")


def test_params_keep_their_dollars() -> None:
    from ray._private.utils import update_envs

    params = {"pattern": "$HOME/${HOME}/${NOT_THERE}/$1"}
    spec = AttemptSpec.model_validate(
        {**COMMON, "attempt": 1, "source": {"path": "."}, "entrypoint": "train.py", "params": params}
    )
    update_envs({ATTEMPT_VARIABLE: as_variable(spec)})
    assert AttemptSpec.model_validate_json(os.environ[ATTEMPT_VARIABLE]) == spec


def test_a_secret_with_quotes_is_not_put_into_the_json() -> None:
    from ray._private.utils import update_envs

    target = CollectionTarget.model_validate(
        {
            "output": "embeddings",
            "resource": "images",
            "store": "milvus",
            "collection": "images_u_1",
            "connection": MilvusConnection(uri="http://milvus:19530", token="${PENSTOCK_SECRET_0}"),
            "dimension": 8,
            "metric": "L2",
            "index": {},
        }
    )
    spec = StagingSpec.model_validate({**COMMON, "stage_uri": "file:///runs/u-1/stage", "vectors": [target]})
    update_envs({STAGING_VARIABLE: as_variable(spec)})
    assert StagingSpec.model_validate_json(os.environ[STAGING_VARIABLE]) == spec
