"""Names that Feast and Milvus take, whatever Kubernetes allows."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from penstock.api.meta import DNS_LABEL
from penstock.naming import collection_name, identifier, run_name

NAMES = st.from_regex(DNS_LABEL.replace("$", r"\Z"), fullmatch=True).filter(lambda name: len(name) <= 63)
MILVUS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@given(NAMES, st.uuids(), st.integers(1, 10**6))
def test_every_public_and_physical_name_is_one_that_milvus_takes(name: str, uid: object, attempt: int) -> None:
    run = run_name(str(uid), attempt)
    assert MILVUS.fullmatch(identifier(name))
    assert MILVUS.fullmatch(collection_name(name, run))
    assert len(collection_name(name, run)) < 255


@given(NAMES, NAMES)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert (identifier(one) == identifier(other)) == (one == other)


def test_names_as_people_see_them() -> None:
    assert identifier("digit-images") == "digit_images"
    assert identifier("2d-points") == "_2d_points"
    assert collection_name("digit-images", "3f2a9c41-2") == "digit_images__3f2a9c41_2"
