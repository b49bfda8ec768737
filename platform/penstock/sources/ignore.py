"""What in a folder is no code: some names always, and the patterns of its `.penstockignore`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from penstock.sources.errors import NotPackable

FILE = ".penstockignore"
ALWAYS = frozenset({".git", "__pycache__", ".venv", ".penstock", "penstock-run", FILE})

Ignored = Callable[[str, bool], bool]
"""From a path below the folder, and whether it is a folder itself, to whether it is left out."""


def read_ignored(folder: Path) -> Ignored:
    """What to leave out of a folder.

    Raises:
        NotPackable: the `.penstockignore` cannot be read, or has a pattern that is none.
    """
    try:
        lines = (folder / FILE).read_text().splitlines()
    except FileNotFoundError:
        lines = []
    except (OSError, UnicodeDecodeError) as error:
        raise NotPackable(f"{folder / FILE} cannot be read: {error}") from error
    rules = [_rule(line.strip(), folder) for line in lines if line.strip() and not line.lstrip().startswith("#")]

    def ignored(path: str, is_folder: bool) -> bool:
        return path.rsplit("/", 1)[-1] in ALWAYS or any(
            (is_folder or not folders_only) and rule.fullmatch(path) for rule, folders_only in rules
        )

    return ignored


def _rule(pattern: str, folder: Path) -> tuple[re.Pattern[str], bool]:
    """A pattern of .gitignore's: `*`, `**`, `?`, `[…]`; with a slash inside it begins at the folder."""
    if pattern.startswith("!"):
        raise NotPackable(f"{folder / FILE}: {pattern!r}: a pattern cannot take back another: name what is left out")
    bare = pattern.rstrip("/")
    anywhere = "" if "/" in bare else "(?:.*/)?"
    try:
        return re.compile(anywhere + _regex(bare.lstrip("/"))), pattern.endswith("/")
    except re.error as error:
        raise NotPackable(f"{folder / FILE}: {pattern!r} is no pattern: {error}") from error


def _regex(glob: str) -> str:
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    tokens = re.findall(r"\*\*/|\*\*|\*|\?|\[!?[^\]]+\]|.", glob)
    return "".join(
        parts.get(token) or (token.replace("[!", "[^") if len(token) > 1 else re.escape(token)) for token in tokens
    )
