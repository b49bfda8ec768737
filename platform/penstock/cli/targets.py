"""What a verb is about: `TYPE`, `TYPE NAME…`, `TYPE/NAME…`, `TYPE,TYPE`, `all`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import typer

if TYPE_CHECKING:
    from penstock.api import Resource

ALL = ("all", "penstock")


class Target(NamedTuple):
    """A kind, and one object of it or all."""

    kind: type[Resource]
    name: str | None = None


def completions(incomplete: str) -> list[tuple[str, str]]:
    """The types that begin so, for the shell's completion, each with what it is.

    Examples:
        >>> completions("staged")
        [('stagedruns', 'A TrainingRun on its way through loading, verification and gates, for one Materialization.')]
    """
    from penstock.api import KINDS
    from penstock.client.core import CORE

    kinds = (*KINDS.values(), *CORE.values())
    known = [("all", "Every kind."), *((kind.PLURAL, (kind.__doc__ or "").split("\n", 1)[0]) for kind in kinds)]
    return [(name, about) for name, about in known if name.startswith(incomplete.lower())]


def parse(words: Sequence[str]) -> list[Target]:
    """The targets that the arguments name.

    Raises:
        typer.BadParameter: they name none, or a type that is not known.

    Examples:
        >>> [(target.kind.__name__, target.name) for target in parse(["tj", "digits"])]
        [('TrainingJob', 'digits')]
    """
    if not words:
        raise typer.BadParameter("name a resource: TYPE, TYPE NAME or TYPE/NAME, such as trainingjob/digits")
    if any("/" in word for word in words):
        return [_pair(word) for word in words]
    types, names = words[0], words[1:]
    found = [target for type_ in types.split(",") for target in _kinds(type_)]
    if not names:
        return found
    if types in ALL:
        raise typer.BadParameter(f"{types!r} is every kind and takes no name: write TYPE NAME")
    if "" in names:
        raise typer.BadParameter("a name is empty: write TYPE NAME")
    return [Target(target.kind, name) for target in found for name in names]


def named(words: Sequence[str]) -> list[Target]:
    """The targets, each with a name.

    Raises:
        typer.BadParameter: one has none.
    """
    found = parse(words)
    if any(target.name is None for target in found):
        raise typer.BadParameter(f"which {words[0]}? Write {words[0]} NAME")
    return found


def one(words: Sequence[str], default: type[Resource] | None = None) -> Target:
    """The one object that the arguments name; a bare name is of the default kind.

    Raises:
        typer.BadParameter: they name none, or several.
    """
    if default is not None and len(words) == 1 and "/" not in words[0]:
        return Target(default, words[0])
    found = named(words)
    if len(found) != 1:
        raise typer.BadParameter("name one object: TYPE NAME or TYPE/NAME")
    return found[0]


def name_of(word: str, kind: type[Resource]) -> str:
    """The name in `NAME` or `TYPE/NAME`, where only one kind will do.

    Raises:
        typer.BadParameter: it is of another kind.
    """
    target = one([word], kind)
    if target.kind is not kind:
        raise typer.BadParameter(f"{word!r} is no {kind.__name__.lower()}")
    assert target.name is not None
    return target.name


def _pair(word: str) -> Target:
    type_, _, name = word.partition("/")
    kinds = _kinds(type_)
    if not name or len(kinds) != 1:
        raise typer.BadParameter(f"{word!r} is not TYPE/NAME")
    return Target(kinds[0].kind, name)


def _kinds(word: str) -> list[Target]:
    from penstock.api import KINDS
    from penstock.client.core import CORE
    from penstock.client.kinds import resolve

    served = (*KINDS.values(), *CORE.values())
    if word in ALL:
        return [Target(kind) for kind in KINDS.values()]
    if (kind := resolve(word)) is None:
        known = ", ".join(" ".join((kind.PLURAL, *(f"({short})" for short in kind.SHORT))) for kind in served)
        raise typer.BadParameter(f"type {word!r} is not known: use all, or one of {known}")
    return [Target(kind)]
