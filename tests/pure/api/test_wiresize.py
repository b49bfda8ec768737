"""Texts are cut by their bytes on the wire."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.wiresize import CUT, shortened, wire_bytes


@pytest.mark.parametrize(
    ("value", "size"),
    [("", 2), ("abc", 5), ("é", 4), ("😀", 6), ('"\\\n', 8), ("\x1b", 8), ("<&>", 20), ("\u2028", 8), ({"a": [1]}, 9)],
)
def test_bytes_are_those_that_go_writes(value: object, size: int) -> None:
    assert wire_bytes(value) == size


@given(st.text(), st.integers(8, 60))
def test_a_text_is_never_longer_than_asked_and_keeps_its_ends(text: str, most: int) -> None:
    cut = shortened(text, most)
    assert wire_bytes(cut) - 2 <= most
    assert shortened(cut, most) == cut
    if cut != text:
        head, tail = cut.split(CUT, 1) if cut.count(CUT) == 1 else ("", "")
        assert text.startswith(head)
        assert text.endswith(tail)
        assert len(json.dumps(text)) > len(json.dumps(cut)) - len(json.dumps(CUT))


def test_the_end_of_a_log_is_kept() -> None:
    assert shortened("first " * 100 + "the cause", 40).endswith("the cause")
