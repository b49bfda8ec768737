"""Key files: a folder with one for each caller, such as a mounted Secret."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

SHORTEST = 16
"""Characters of a key; a shorter one could be guessed."""
FILE_BYTES = 65_536
EVERYTHING = ("*",)
FIELDS = {"key", "materializations"}
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PATTERN = re.compile(r"\*|[a-z0-9-]+/(\*|[a-z0-9-]+)")


class BadKeyFile(ValueError):
    """A key file that cannot be used; the message says why, and never what is in it."""


class StaticKey(NamedTuple):
    """A caller's key, by its digest, and the Materializations that it opens."""

    name: str
    digest: bytes
    patterns: tuple[str, ...] = EVERYTHING

    def opens(self, namespace: str, name: str) -> bool:
        """Whether it opens a Materialization."""
        return any(pattern in ("*", f"{namespace}/*", f"{namespace}/{name}") for pattern in self.patterns)


def parse(name: str, text: str) -> StaticKey:
    """The key of a file.

    Args:
        name: of the file, and so of the caller.
        text: the key, or `sha256:` and the digest of one in hexadecimal digits; or JSON with that as `key`, and in
            `materializations` what it opens: `NAMESPACE/NAME`, `NAMESPACE/*` or `*`.

    Raises:
        BadKeyFile: it is none of these.
    """
    text = text.strip()
    if not text.startswith("{"):
        return StaticKey(name, _digest(text))
    try:
        document: Any = json.loads(text)
    except ValueError:
        raise BadKeyFile("is not JSON") from None
    patterns = document.get("materializations", list(EVERYTHING))
    if set(document) - FIELDS or not isinstance(document.get("key"), str):
        raise BadKeyFile("needs key, and may have materializations")
    if not isinstance(patterns, list) or not all(isinstance(one, str) and _PATTERN.fullmatch(one) for one in patterns):
        raise BadKeyFile("materializations is a list of NAMESPACE/NAME, NAMESPACE/* or *")
    return StaticKey(name, _digest(document["key"]), tuple(patterns))


def read(folder: Path) -> tuple[list[StaticKey], dict[str, str]]:
    """The keys of a folder, by name, and what is wrong with each file that has none.

    Raises:
        OSError: the folder cannot be read.
    """
    keys, problems = [], {}
    for path in _files(folder):
        try:
            with path.open("rb") as file:
                keys.append(parse(path.name, file.read(FILE_BYTES).decode()))
        except UnicodeDecodeError:
            problems[path.name] = "is not text"
        except (BadKeyFile, OSError) as error:
            problems[path.name] = str(error)
    return keys, problems


def signature(folder: Path) -> object:
    """What changes when a file does.

    Raises:
        OSError: the folder cannot be read.
    """
    return [
        (path.name, stat.st_ino, stat.st_size, stat.st_mtime_ns) for path in _files(folder) for stat in [path.stat()]
    ]


def bearer(keys: Sequence[StaticKey], token: str) -> StaticKey | None:
    """The key that the token is; every one is compared, in the same time wherever they differ."""
    digest = hashlib.sha256(token.encode()).digest()
    found = None
    for key in keys:
        if hmac.compare_digest(key.digest, digest) and found is None:
            found = key
    return found


def _files(folder: Path) -> list[Path]:
    # A mounted Secret keeps its versions in folders whose names begin with dots.
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())


def _digest(key: str) -> bytes:
    if _DIGEST.fullmatch(key):
        return bytes.fromhex(key.removeprefix("sha256:"))
    if len(key) < SHORTEST:
        raise BadKeyFile(f"holds a key of {len(key)} characters: {SHORTEST} are needed")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise BadKeyFile("holds a key with other characters than a header can carry")
    return hashlib.sha256(key.encode()).digest()
