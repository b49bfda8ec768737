"""The clients are made of parts: each method stands once, and both clients have its signature and its text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import Parameter, isasyncgenfunction, iscoroutinefunction, isfunction, signature
from typing import Any

import pytest

from penstock import AsyncClient, Client
from penstock.client.applying import Applying
from penstock.client.promoting import Promoting
from penstock.client.reading import Reading
from penstock.client.session import Session
from penstock.client.waiting import Waiting
from penstock.client.watching import Watching
from penstock.client.writing import Writing

PARTS = (Session, Reading, Watching, Waiting, Applying, Writing, Promoting)
BETWEEN_PARTS = {
    (Session, "document"),
    (Session, "merge"),
    (Session, "delete"),
    (Watching, "document_changes"),
    (Writing, "decide"),
}
"""What one part has for another."""
OWN = ("close",)


def public(of: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    return ((name, method) for name, method in vars(of).items() if isfunction(method) and not name.startswith("_"))


def parameters(method: Callable[..., Any]) -> list[Parameter]:
    return [*signature(method).parameters.values()][1:]


METHODS = [(part, name) for part in PARTS for name, _ in public(part) if (part, name) not in BETWEEN_PARTS]


@pytest.mark.parametrize(("part", "name"), METHODS, ids=[name for _, name in METHODS])
def test_the_asynchronous_client_has_every_method_of_its_parts(part: type, name: str) -> None:
    theirs, ours = getattr(part, name), getattr(AsyncClient, name)
    assert signature(ours) == signature(theirs)
    assert ours.__doc__ == theirs.__doc__
    assert iscoroutinefunction(ours) == iscoroutinefunction(theirs)
    assert "Examples:" in theirs.__doc__ or part is Session


@pytest.mark.parametrize("name", [name for name, _ in public(Client) if name not in OWN])
def test_the_blocking_client_has_the_signature_of_the_asynchronous_one(name: str) -> None:
    blocking, awaited = getattr(Client, name), getattr(AsyncClient, name)
    assert parameters(blocking) == parameters(awaited)
    assert not iscoroutinefunction(blocking)
    assert blocking.__doc__.endswith(f"; see `AsyncClient.{name}`.")
    assert blocking.__doc__.split(";")[0] in awaited.__doc__
    iterates = isasyncgenfunction(awaited.__wrapped__)
    assert (signature(blocking).return_annotation is Iterator) == iterates
    assert iterates or signature(blocking).return_annotation == signature(awaited).return_annotation


def test_they_are_made_alike_and_inherit_nothing() -> None:
    assert signature(Client) == signature(AsyncClient)
    assert Client.__mro__[1:] == AsyncClient.__mro__[1:] == (object,)
    assert all(part.__mro__[1:] == (object,) for part in PARTS)
    assert {name for name, _ in public(Client)} < {name for name, _ in public(AsyncClient)}
