"""RayJobs are named by their submission alone, as KubeRay allows."""

from __future__ import annotations

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.naming import ray_token_secret, staging_id, submission_id
from penstock_operator.adapters.ray.kuberay.names import MAX_NAME, ray_job_name

OWNERS = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
UIDS = st.uuids().map(str)
NUMBERS = st.integers(1, 10**6)
RFC_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


@given(OWNERS, UIDS, NUMBERS)
def test_a_name_is_short_enough_and_a_dns_label(owner: str, uid: str, number: int) -> None:
    for submission in (submission_id(uid, number), staging_id(uid, number)):
        name = ray_job_name(owner, submission)
        assert len(name) <= MAX_NAME
        assert RFC_1035.fullmatch(name), name
        assert name.endswith(f"-{number}")


@given(OWNERS, st.sets(st.tuples(UIDS, NUMBERS), min_size=2, max_size=20))
def test_no_two_submissions_share_a_name(owner: str, attempts: set[tuple[str, int]]) -> None:
    assert len({ray_job_name(owner, submission_id(*attempt)) for attempt in attempts}) == len(attempts)


def test_whoever_computes_it_gets_the_same_name() -> None:
    uid = str(uuid.UUID(int=7))
    assert ray_job_name("digits", submission_id(uid, 2)) == "digits-c4d635b72097-2"


@pytest.mark.parametrize(
    ("cluster", "secret"),
    [
        ("digits-1306dca85fd3-6-59r68", "digits-1306dca85fd3-6-59r68"),
        ("job-9-a-name-that-is-as-long-as-40536f85cd8f-59-9p4ns", "r9-a-name-that-is-as-long-as-40536f85cd8f-59-9p4ns"),
    ],
)
def test_the_secret_of_a_token_is_called_as_kuberay_1_7_was_seen_to_call_it(cluster: str, secret: str) -> None:
    # Of the second one, 50 characters are left, which begin with a hyphen: that becomes an r.
    assert ray_token_secret(cluster) == secret
