"""The table of types, and what comes of a value and of a column by it. Arrow only: no store."""

from __future__ import annotations

import struct
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.api.views import FeatureViewSpec
from penstock.columns.arrow import arrow_type, canonical
from penstock.columns.table import KEYS, ValueType, by_feast, by_milvus, fits, id_type
from penstock.columns.values import misfit
from penstock.crds.schema import structural

ALL = pytest.mark.parametrize("type_", list(ValueType))


@ALL
def test_a_row_names_what_there_is_in_arrow_and_struct(type_: ValueType) -> None:
    row = type_.row
    assert str(arrow_type(type_)) == row.arrow
    assert row.arrow in row.accepts
    assert struct.calcsize(row.packed) * 8 >= row.bits
    assert by_feast(row.feast) is by_milvus(row.milvus) is type_


@pytest.mark.parametrize(("type_", "accepted"), [(type_, one) for type_ in ValueType for one in type_.row.accepts])
def test_what_is_accepted_becomes_the_one_type_without_a_loss(type_: ValueType, accepted: str) -> None:
    source = pa.type_for_alias(accepted)
    values: list[Any] = [None, True, False]
    if pa.types.is_integer(source):
        edge = 2 ** (source.bit_width - 1)
        values = [None, *((-edge, edge - 1) if pa.types.is_signed_integer(source) else (0, 2 * edge - 1))]
    elif pa.types.is_floating(source):
        values = [None, 0.0, -1.5, 2.0**-14]
    elif type_ is ValueType.STRING:
        values = [None, "", "a\U0001f600"]
    found = canonical(pa.record_batch({"x": pa.array(values, source)}), {"x": type_}).column("x")
    assert found.type == arrow_type(type_)
    assert found.to_pylist() == values


def test_dictionaries_of_what_fits_fit() -> None:
    column = pa.array(["a", None, "b", "a"]).dictionary_encode()
    assert fits(str(column.type), ValueType.STRING)
    assert not fits(str(column.type), ValueType.INT32)
    batch = pa.record_batch({"x": column, "other": [1, 2, 3, 4]}).slice(1)
    found = canonical(batch, {"x": ValueType.STRING})
    assert found.to_pydict() == {"x": [None, "b", "a"], "other": [2, 3, 4]}


def test_a_nan_is_null() -> None:
    column = pa.array([1.5, None, float("nan")], pa.float32())
    found = canonical(pa.record_batch({"x": column}), {"x": ValueType.FLOAT64})
    assert found.column("x").null_count == 2


@pytest.mark.parametrize(
    ("arrow", "type_"),
    [("uint32", ValueType.INT64), ("large_string", ValueType.STRING), ("double", None), ("uint64", None), ("", None)],
)
def test_an_id_is_a_whole_number_or_text(arrow: str, type_: ValueType | None) -> None:
    assert id_type(arrow) is type_


@ALL
def test_the_api_takes_a_key_of_a_type_that_can_be_one_and_no_other(type_: ValueType) -> None:
    spec = {"storeRef": {"name": "s"}, "features": [{"name": "x", "type": type_}]}
    entities = [{"name": "id", "type": type_}]
    if type_ in KEYS:
        assert FeatureViewSpec.model_validate({**spec, "entities": entities}).entities[0].type is type_
    else:
        with pytest.raises(ValueError, match=f"{type_} cannot be a key: Int32, Int64, String can"):
            FeatureViewSpec.model_validate({**spec, "entities": entities})


def test_the_schema_of_the_api_says_so_too() -> None:
    spec = structural(FeatureViewSpec)["properties"]
    assert spec["entities"]["items"]["properties"]["type"]["enum"] == [key.value for key in KEYS]
    assert spec["features"]["items"]["properties"]["type"]["enum"] == [type_.value for type_ in ValueType]


@pytest.mark.parametrize("type_", [ValueType.INT32, ValueType.INT64])
@given(value=st.integers())
def test_a_whole_number_is_a_key_as_far_as_its_bits_go(type_: ValueType, value: int) -> None:
    try:
        pa.scalar(value, arrow_type(type_))
    except (pa.ArrowInvalid, OverflowError):
        assert misfit(value, type_) == f"is {value}: an {type_} has {type_.row.bits} bits"
    else:
        assert misfit(value, type_) is None


@pytest.mark.parametrize(
    ("value", "type_", "wrong"),
    [
        (True, ValueType.INT64, "is True: an Int64 is needed"),
        (1.0, ValueType.INT64, "is 1.0: an Int64 is needed"),
        ("1", ValueType.INT32, "is '1': an Int32 is needed"),
        (1, ValueType.STRING, "is 1: a String is needed"),
        (None, ValueType.STRING, "is None: a String is needed"),
        ("\ud800", ValueType.STRING, "is '\\ud800': it holds half a character (a lone surrogate)"),
        ("", ValueType.STRING, None),
    ],
)
def test_what_is_no_key_is_told(value: Any, type_: ValueType, wrong: str | None) -> None:
    assert misfit(value, type_) == wrong
