"""What in a folder is no code: some names always, and what its `.penstockignore` says in the words of .gitignore."""

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
    """What to leave out of a folder; as in Git, nothing below a folder that is left out can be taken back.

    Raises:
        NotPackable: the `.penstockignore` cannot be read, or has a pattern that is none.
    """
    # Who only reads objects need not wait for it.
    from pathspec import GitIgnoreSpec

    try:
        lines = (folder / FILE).read_text().splitlines()
    except FileNotFoundError:
        lines = []
    except (OSError, UnicodeDecodeError) as error:
        raise NotPackable(f"{folder / FILE} cannot be read: {error}") from error
    try:
        rules = GitIgnoreSpec.from_lines(lines)
    except (ValueError, re.error) as error:
        raise NotPackable(f"{folder / FILE}: {error}") from error
    newest_first = [pattern for pattern in reversed([*rules.patterns]) if pattern.include is not None]

    def ignored(path: str, is_folder: bool) -> bool:
        if path.rsplit("/", 1)[-1] in ALWAYS:
            return True
        if not is_folder:
            return rules.match_file(path)
        # The package judges files, and of a folder says what becomes of those in it: `*`, `!*/` would leave it out.
        judging = (pattern for pattern in newest_first if pattern.match_file(f"{path}/") is not None)
        return bool(getattr(next(judging, None), "include", False))

    return ignored
