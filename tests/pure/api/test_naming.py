"""Names that Feast and Milvus take, whatever Kubernetes allows."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from penstock.api.meta import DNS_LABEL
from penstock.naming import identifier, physical_name, run_name, staged_run_name

NAMES = st.from_regex(DNS_LABEL.replace("$", r"\Z"), fullmatch=True).filter(lambda name: len(name) <= 63)
MILVUS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@given(NAMES, st.uuids(), st.integers(1, 10**6))
def test_every_public_and_physical_name_is_one_that_milvus_takes(name: str, uid: object, attempt: int) -> None:
    run = run_name(str(uid), attempt)
    assert MILVUS.fullmatch(identifier(name))
    assert MILVUS.fullmatch(physical_name(name, run, str(uid)))
    assert len(physical_name(name, run, str(uid))) < 63


@given(NAMES, NAMES)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert (identifier(one) == identifier(other)) == (one == other)


def test_names_as_people_see_them() -> None:
    assert identifier("digit-images") == "digit_images"
    assert identifier("2d-points") == "_2d_points"
    uid = "9b0c1d2e-0000-4000-8000-000000000000"
    assert physical_name("digit-images", "3f2a9c41-2", uid) == "digit_images__3f2a9c41_2_9b0c1d2e"
    assert staged_run_name("digits", "3f2a9c41-2", "sha256:0123456789abcdef") == "digits-3f2a9c41-2-01234567"


@given(NAMES, st.uuids(), st.integers(1, 10**6))
def test_a_staged_run_has_a_name_that_kubernetes_takes(name: str, uid: object, attempt: int) -> None:
    found = staged_run_name(name, run_name(str(uid), attempt), f"sha256:{'0' * 64}")
    assert re.fullmatch(DNS_LABEL, found)
    assert len(found) <= 63
