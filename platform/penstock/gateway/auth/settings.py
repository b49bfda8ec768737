"""How callers are known, from the flags: off only where somebody said so, or where only this machine can ask."""

from __future__ import annotations

import ipaddress
from enum import StrEnum


class Mode(StrEnum):
    """How callers are known."""

    TOKEN_REVIEW = "token-review"  # noqa: S105 - a name
    STATIC_KEYS = "static-keys"
    NONE = "none"


class NotSaid(ValueError):
    """The flags leave open what must be said."""


def mode(flag: str | None, host: str, keys: str | None) -> Mode:
    """The mode.

    Args:
        flag: what the flag or the environment says.
        host: the address that the gateway listens on.
        keys: the folder of the key files.

    Raises:
        NotSaid: nothing is said and others than this machine can ask, or there are no key files to go by.

    Examples:
        >>> mode(None, "127.0.0.1", None).value
        'none'
    """
    if not flag:
        if not is_loopback(host):
            modes = ", ".join(Mode)
            raise NotSaid(f"--auth is required on {host}, which others can reach: one of {modes}")
        return Mode.NONE
    if flag not in list(Mode):
        raise NotSaid(f"--auth is {flag!r}: one of {', '.join(Mode)}")
    if flag == Mode.STATIC_KEYS and not keys:
        raise NotSaid("--auth static-keys needs --keys, the folder of the key files")
    return Mode(flag)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
