"""What retrains is what changes the result, and a rerun that is asked for once."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from training_house import NOW, UP, after, attempt, job, last, ray, verdict

from penstock.api.trainingjob import RERUN_ANNOTATION, AttemptState, TrainingJob, TrainingJobSpec
from penstock_operator.loop.away import Away
from penstock_operator.ports import JobState
from penstock_operator.training.observed import Code
from penstock_operator.training.plan import plan
from penstock_operator.training.result import result_digest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REF = {"name": "secret", "key": "token"}
SPEC: dict[str, Any] = {
    "source": {"type": "Git", "git": {"url": "https://a/b", "revision": COMMIT}},
    "entrypoint": "train.py",
    "args": ["--fast", "--loud"],
    "params": [{"name": "epochs", "value": "3"}, {"name": "rate", "value": "0.1"}],
    "env": [{"name": "MODE", "value": "x"}, {"name": "LEVEL", "value": "y"}],
    "workers": {"count": 2, "memory": "1Gi"},
    "strategy": {
        "name": "DataParallel",
        "options": [{"name": "backend", "value": "gloo"}, {"name": "bucket", "value": "1"}],
    },
    "outputs": [{"name": "a", "kind": "Features"}, {"name": "b", "kind": "Embeddings"}],
}
IRRELEVANT: dict[str, list[Any]] = {
    "ray": [
        {"type": "KubeRay", "kubeRay": {"image": "other"}},
        {"type": "KubeRay", "kubeRay": {"imagePullPolicy": "Always", "queueName": "q", "ttlSecondsAfterFinished": 9}},
        {"type": "KubeRay", "kubeRay": {"tolerations": [{"key": "gpu"}], "nodeSelector": {"a": "b"}}},
        {"type": "RayCluster", "rayCluster": {"address": "http://other:8265", "tokenSecretKeyRef": REF}},
    ],
    "retry": [{"limit": 9, "backoffSeconds": 1, "maxBackoffSeconds": 2}],
    "checkpoint": [{"keep": 9, "resume": "Never"}],
    "attemptDeadlineSeconds": [77],
    "historyLimit": [9],
    "deletionPolicy": ["Retain"],
    "suspend": [True],
}
RELEVANT: list[dict[str, Any]] = [
    {"source": {"type": "Git", "git": {"url": "https://a/b", "revision": COMMIT[::-1]}}},
    {"source": {"type": "Git", "git": {"url": "https://a/b", "revision": COMMIT, "path": "below"}}},
    {"source": {"type": "Archive", "archive": {"digest": f"sha256:{'0' * 64}"}}},
    {"source": {"type": "Path", "path": "/code"}},
    {"entrypoint": "other.py"},
    {"args": ["--loud", "--fast"]},
    {"params": SPEC["params"][:1]},
    {"env": [*SPEC["env"], {"name": "NEW", "value": "z"}]},
    {"workers": {"count": 3, "memory": "1Gi"}},
    {"workers": {"count": 2, "memory": "2Gi"}},
    {"workers": {"count": 2, "memory": "1Gi", "cpus": 0}},
    {"workers": {"count": 2, "memory": "1Gi", "cpus": "1500m"}},
    {"workers": {"count": 2, "memory": "1Gi", "gpus": 1}},
    {"strategy": {"name": "Other", "options": SPEC["strategy"]["options"]}},
    {"strategy": {"name": "DataParallel"}},
    {"outputs": [{"name": "a", "kind": "Model"}, {"name": "b", "kind": "Embeddings"}]},
]


def digest(**spec: Any) -> str:
    return result_digest(TrainingJobSpec.model_validate({**SPEC, **spec}))


irrelevant = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in IRRELEVANT.items()})


@given(irrelevant, st.randoms())
def test_neither_what_is_irrelevant_nor_any_order_changes_the_digest(
    changes: dict[str, Any], order: random.Random
) -> None:
    shuffled = {name: order.sample(SPEC[name], len(SPEC[name])) for name in ("params", "env", "outputs")}
    options = SPEC["strategy"]["options"]
    strategy = {"name": "DataParallel", "options": order.sample(options, len(options))}
    assert digest(**shuffled, strategy=strategy, **changes) == digest()


@pytest.mark.parametrize(
    "change",
    [
        {"source": {"type": "Git", "git": {"url": "https://moved/to", "revision": COMMIT, "tokenSecretKeyRef": REF}}},
        {"env": [*SPEC["env"], {"name": "TOKEN", "secretKeyRef": REF}]},
        {"workers": {"count": 2, "cpus": 1, "memory": "1024Mi"}},
        {"workers": {"count": 2, "cpus": "1000m", "memory": 1073741824}},
        {"workers": {"count": 2, "cpus": "1.000", "memory": "1048576.0Ki"}},
    ],
)
def test_another_way_to_the_same_changes_nothing(change: dict[str, Any]) -> None:
    assert digest(**change) == digest()


def test_all_that_changes_the_result_changes_the_digest() -> None:
    digests = [digest(), *(digest(**change) for change in RELEVANT)]
    assert len(set(digests)) == len(digests)


def test_every_field_of_the_spec_is_known_to_change_the_result_or_not() -> None:
    """A new field must be put on one side or the other."""
    relevant = {name for change in RELEVANT for name in change}
    assert relevant | IRRELEVANT.keys() == {field.alias or name for name, field in TrainingJobSpec.model_fields.items()}


@given(irrelevant)
def test_a_complete_job_begins_nothing_for_what_is_irrelevant(changes: dict[str, Any]) -> None:
    done = attempt(AttemptState.SUCCEEDED)
    assert verdict(plan(job(done, **changes), UP, NOW)) == ("True", "Completed")
    running = attempt(AttemptState.RUNNING)
    changes.pop("suspend", None)
    assert last(plan(job(running, **changes), ray(JobState.RUNNING), NOW)).state is AttemptState.RUNNING


# A ConfigMap is its content

CODE = "sha256:of-the-files"
NAMED, RENAMED = (
    {"type": "ConfigMap", "configMapRef": {"name": "code"}},
    {"type": "ConfigMap", "configMapRef": {"name": "renamed"}},
)


def of_config_map(state: AttemptState) -> TrainingJob:
    made = attempt(state, of=job(source=NAMED), config_map="code", source_revision=CODE)
    return job(made, source=RENAMED)


@pytest.mark.parametrize("state", [AttemptState.SUCCEEDED, AttemptState.RUNNING])
def test_the_same_code_in_a_config_map_of_another_name_is_the_same(state: AttemptState) -> None:
    before = of_config_map(state)
    result = plan(before, replace(ray(JobState.RUNNING), code=Code(revision=CODE)), NOW)
    assert (len(result.status.attempts), last(result).state) == (1, state)
    # It is not looked at again.
    assert last(result).config_map == "renamed"


def test_other_code_in_a_config_map_of_another_name_is_another_run() -> None:
    seen = replace(UP, code=Code(revision="sha256:of-others"))
    assert last(plan(of_config_map(AttemptState.SUCCEEDED), seen, NOW)).number == 2
    stopped = plan(of_config_map(AttemptState.RUNNING), replace(ray(JobState.RUNNING), code=seen.code), NOW)
    assert last(stopped).reason == "Superseded"


def test_code_that_is_not_known_supersedes_nothing() -> None:
    seen = replace(ray(JobState.RUNNING), code=Away("the artifact store did not answer"))
    assert last(plan(of_config_map(AttemptState.RUNNING), seen, NOW)).state is AttemptState.RUNNING


# A rerun


def asked(token: str | None, before: TrainingJob) -> TrainingJob:
    annotations = {} if token is None else {RERUN_ANNOTATION: token}
    return before.model_copy(update={"metadata": before.metadata.model_copy(update={"annotations": annotations})})


def done(before: TrainingJob) -> TrainingJob:
    """The newest attempt has succeeded."""
    copy = before.model_copy(deep=True)
    copy.status.attempts[-1].state = AttemptState.SUCCEEDED
    return copy


def test_a_rerun_is_answered_once_and_a_revert_of_the_manifest_starts_none() -> None:
    this = done(after(job(), plan(job(), UP, NOW)))
    first = plan(asked("one", this), UP, NOW)
    assert [one.number for one in first.status.attempts] == [1, 2]
    assert (last(first).rerun_token, first.status.observed_rerun_token) == ("one", "one")
    this = done(after(this, first))
    second = plan(asked("two", this), UP, NOW)
    assert last(second).number == 3
    this = done(after(this, second))
    for token in ("two", "one", None, "one"):
        result = plan(asked(token, this), UP, NOW)
        assert verdict(result) == ("True", "Completed")
        this = after(this, result)


def test_a_rerun_takes_the_place_of_an_attempt_that_runs() -> None:
    running = asked("now", job(attempt(AttemptState.RUNNING)))
    assert last(plan(running, ray(JobState.RUNNING), NOW)).reason == "Superseded"


def test_a_rerun_begins_again_what_was_given_up() -> None:
    failed = job(attempt(AttemptState.FAILED, message="boom"), retry={"limit": 0})
    assert verdict(plan(failed, UP, NOW)) == ("False", "AttemptsExhausted")
    assert last(plan(asked("again", failed), UP, NOW)).number == 2
