"""The exit codes, and which error has which."""

from __future__ import annotations

from penstock.client import errors

FAILED, USAGE, STACK, NOT_FOUND, INVALID, TIMEOUT, UNREACHABLE, INTERRUPTED = 1, 2, 3, 4, 5, 6, 7, 130

MEANINGS = {
    0: "done",
    FAILED: "the request failed, or a resource ended badly",
    USAGE: "the command line is wrong",
    STACK: "a stack runs already, or none runs where one must",
    NOT_FOUND: "there is no such object",
    INVALID: "a spec or a manifest is invalid",
    TIMEOUT: "the time is up",
    UNREACHABLE: "the API or the gateway does not answer",
    INTERRUPTED: "Ctrl-C",
}


class StackError(errors.PenstockError):
    """A local stack runs already, or none runs where one must."""


class Failed(errors.PenstockError):
    """A check or a resource ended badly; what there is to say has been printed."""


def code_of(error: errors.PenstockError) -> int:
    """The exit code of an error.

    Examples:
        >>> code_of(errors.NotFound(404, "NotFound", "no such job"))
        4
    """
    codes: tuple[tuple[type[errors.PenstockError], int], ...] = (
        (StackError, STACK),
        (errors.NotFound, NOT_FOUND),
        (errors.Invalid, INVALID),
        (errors.ManifestError, INVALID),
        (errors.WaitTimeout, TIMEOUT),
        (errors.Unreachable, UNREACHABLE),
    )
    return next((code for kind, code in codes if isinstance(error, kind)), FAILED)
