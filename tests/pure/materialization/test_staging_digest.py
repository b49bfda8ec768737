"""What stages again is a change of a value, and never another spelling of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from staging_house import resource

from penstock.api.materialization import MaterializationSpec
from penstock.api.quantities import CANONICAL, whole_bytes
from penstock.api.ray import HeadPod
from penstock.api.views import VectorCollection
from penstock_operator.materialization.observed import Targets
from penstock_operator.materialization.targets import staging_digest

hundredths = st.integers(0, 100)
zeros = st.integers(0, 3)


def spelled(value: Decimal, zeros: int, percent: bool) -> str:
    """A share, with so many zeros at its end."""
    text = f"{value * 100 if percent else value:f}"
    if zeros:
        text = f"{text}{'' if '.' in text else '.'}{'0' * zeros}"
    return f"{text}%" if percent else text


shares = st.builds(
    lambda number, zeros, percent: (number, spelled(Decimal(number) / 100, zeros, percent)),
    hundredths,
    zeros,
    st.booleans(),
)


def digest(share: str = "0.5", number: str = "1", recall: str = "0.95", index: bool = True) -> str:
    gates = [
        {"name": "a", "type": "IndexRecall", "indexRecall": {"output": "v", "min": share}},
        {"name": "b", "type": "Metric", "metric": {"metric": "loss", "max": number}},
    ]
    spec = MaterializationSpec.model_validate({"trainingJobRef": {"name": "digits"}, "gates": gates})
    how: dict[str, Any] = {"index": {"type": "Auto", "recallTarget": recall}} if index else {}
    collection = resource(VectorCollection, "images", storeRef={"name": "milvus"}, dimension=4, **how)
    return staging_digest("uid", spec, Targets({}, {"images": collection}))


@given(shares, shares)
def test_a_share_is_its_value(one: tuple[int, str], other: tuple[int, str]) -> None:
    same = one[0] == other[0]
    assert (digest(share=one[1]) == digest(share=other[1])) == same
    assert (digest(recall=one[1]) == digest(recall=other[1])) == same


@given(st.decimals(-1000, 1000, places=3), st.decimals(-1000, 1000, places=3), zeros)
def test_a_number_is_its_value(one: Decimal, other: Decimal, zeros: int) -> None:
    longer = f"{one:f}{'0' * zeros}"
    assert digest(number=f"{one:f}") == digest(number=longer)
    assert (digest(number=f"{one:f}") == digest(number=f"{other:f}")) == (one == other)


@pytest.mark.parametrize("recall", ["0.95", "0.950", "95%", "95.0%"])
def test_a_default_that_is_spelled_out_is_the_default(recall: str) -> None:
    assert digest(recall=recall) == digest(index=False)


@given(st.integers(0, 9999), st.sampled_from(["", ".0", ".000", "m"]))
def test_cpus_are_their_value(number: int, ending: str) -> None:
    text = f"{number * 1000}m" if ending == "m" else f"{number}{ending}"
    assert HeadPod.model_validate({"cpus": text}, context=CANONICAL).cpus == str(number)
    assert HeadPod.model_validate({"cpus": text}).cpus == text


@pytest.mark.parametrize("pair", [("1Ki", "1024"), ("1Gi", "1024Mi"), ("1M", "1000k"), ("1.5Ki", "1536")])
def test_memory_is_its_bytes(pair: tuple[str, str]) -> None:
    canonical = {HeadPod.model_validate({"memory": text}, context=CANONICAL).memory for text in pair}
    assert canonical == {str(whole_bytes(pair[0]))}
