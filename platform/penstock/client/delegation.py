"""Methods that are those of a part, and of another way to call them: named once, with one signature and one text."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from inspect import iscoroutinefunction, signature
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S")
_END: Any = object()


class Part(Generic[S]):
    """Makes methods of a whole from those of the part that it holds under a name.

    A type checker sees the whole signature of the part's method, and `help` its text.
    """

    def __init__(self, name: str, _: type[S]) -> None:
        self._name = name

    def __call__(self, method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[Any, P], T]:
        """The method, on the whole."""
        name = self._name
        if iscoroutinefunction(method):

            @wraps(method)
            async def awaited(whole: Any, /, *args: P.args, **kwargs: P.kwargs) -> Any:
                return await method(getattr(whole, name), *args, **kwargs)

            return awaited  # type: ignore[return-value]

        @wraps(method)
        def called(whole: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
            return method(getattr(whole, name), *args, **kwargs)

        return called


def blocking(method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]) -> Callable[Concatenate[Any, P], T]:
    """An asynchronous client's method, on what holds that as `_client` and its event loop as `_loop`, and blocks."""

    @wraps(method)
    def called(whole: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        done: T = whole._loop.run(method(whole._client, *args, **kwargs))
        return done

    return _described(called, method)


def iterating(method: Callable[Concatenate[Any, P], AsyncIterator[T]]) -> Callable[Concatenate[Any, P], Iterator[T]]:
    """An asynchronous client's iterator, on one that blocks until the next item comes; as `blocking`."""

    @wraps(method)
    def called(whole: Any, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        items = method(whole._client, *args, **kwargs)

        async def following() -> T:
            return await anext(items, _END)

        try:
            while (item := whole._loop.run(following())) is not _END:
                yield item
        finally:
            whole._loop.run(items.aclose())  # type: ignore[attr-defined]

    called.__signature__ = signature(method).replace(return_annotation=Iterator)  # type: ignore[attr-defined]
    return _described(called, method)


def _described(called: Callable[P, T], method: Callable[..., Any]) -> Callable[P, T]:
    """Say what it does, and where the rest is told: the examples there await."""
    first = (method.__doc__ or "").partition("\n")[0].rstrip(".")
    called.__doc__ = f"{first}; see `AsyncClient.{method.__name__}`."
    return called
