"""Access by static keys, read again when their files change."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from penstock.gateway.auth import keyfiles
from penstock.gateway.auth.access import Caller, Key
from penstock.gateway.auth.keyfiles import StaticKey

LOOK_SECONDS = 1.0
"""How often, at most, it is looked whether a file changed."""

log = structlog.get_logger()


class StaticKeyAccess:
    """Who bears a key is the name of its file.

    Args:
        folder: of the key files; see `keyfiles.parse`.

    Raises:
        OSError: the folder cannot be read.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._keys: dict[str, StaticKey] = {}
        self._signature: object = None
        self._read()
        self._looked = clock()

    async def caller(self, token: str) -> Caller | None:
        """Who bears the key; see `Access`."""
        self._refresh()
        found = keyfiles.bearer(list(self._keys.values()), token)
        return Caller(found.name) if found is not None else None

    async def allowed(self, caller: Caller, namespace: str, name: str) -> bool:
        """Whether the caller's key opens a Materialization; see `Access`."""
        key = self._keys.get(caller.name)
        return key is not None and key.opens(namespace, name)

    async def visible(self, caller: Caller, keys: Sequence[Key]) -> list[Key]:
        """Those that the caller's key opens; see `Access`."""
        return [key for key in keys if await self.allowed(caller, *key)]

    def lacking(self, caller: Caller, namespace: str, name: str) -> str:
        """What to add to the key's file."""
        return (
            f"The key {caller.name!r} does not open {namespace}/{name}: "
            f"add {f'{namespace}/{name}'!r} to materializations in its file"
        )

    def _refresh(self) -> None:
        now = self._clock()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        try:
            if keyfiles.signature(self._folder) != self._signature:
                self._read()
        except OSError as error:
            # What was read stays: a folder that is away revokes nothing.
            log.warning("Keys cannot be read again", folder=str(self._folder), error=str(error))

    def _read(self) -> None:
        signature = keyfiles.signature(self._folder)
        keys, problems = keyfiles.read(self._folder)
        self._keys, self._signature = {key.name: key for key in keys}, signature
        log.info("Keys read", folder=str(self._folder), callers=sorted(self._keys))
        for name, problem in problems.items():
            log.error("Key file cannot be used", file=name, error=problem)
