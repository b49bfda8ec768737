"""Values of Secrets, read from the cluster."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from penstock.api.meta import SecretKeyRef


class Objects(Protocol):
    """Reads objects."""

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """The object, or None where there is none."""


class MissingSecret(Exception):
    """A Secret, or a key of one, is not there: what is missing, and what to do or what follows from it."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}: {remedy}")
        self.problem = problem


async def read_secrets(objects: Objects, namespace: str, refs: Iterable[SecretKeyRef]) -> Callable[[SecretKeyRef], str]:
    """Read the named keys and return a function from a reference to its value.

    Raises:
        MissingSecret: a Secret or key is not there; the message names it.
    """
    values: dict[tuple[str, str], str] = {}
    for ref in refs:
        secret = await objects.get("Secret", namespace, ref.name)
        if secret is None:
            raise MissingSecret(f"Secret {ref.name!r} is not in namespace {namespace!r}", "create it")
        encoded = (secret.get("data") or {}).get(ref.key)
        if encoded is None:
            raise MissingSecret(f"Secret {ref.name!r} has no key {ref.key!r}", "add it")
        values[ref.name, ref.key] = base64.b64decode(encoded).decode()
    return lambda ref: values[ref.name, ref.key]


async def read_secret(objects: Objects, namespace: str, name: str) -> dict[str, str]:
    """All keys of a Secret.

    Raises:
        MissingSecret: it is not there.
    """
    secret = await objects.get("Secret", namespace, name)
    if secret is None:
        raise MissingSecret(f"Secret {name!r} is not in namespace {namespace!r}", "create it")
    return {key: base64.b64decode(encoded).decode() for key, encoded in (secret.get("data") or {}).items()}
