"""`requirements.py PYPROJECT EXTRA...`: what the package and its extras need, one requirement a line, sorted.

An image installs these before the package itself, so that a change of our code leaves the layer that holds them.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

OF_OWN = re.compile(r"^penstock\[(?P<extras>[^]]+)]$")


def requirements(pyproject: str, extras: list[str]) -> list[str]:
    """Third parties' requirements of the package with these extras.

    Raises:
        KeyError: there is no such extra.
    """
    project = tomllib.loads(pyproject)["project"]
    found: set[str] = set()
    open_lists = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    while open_lists:
        for requirement in open_lists.pop():
            if own := OF_OWN.match(requirement):
                open_lists += [project["optional-dependencies"][extra] for extra in own["extras"].split(",")]
            else:
                found.add(requirement)
    return sorted(found)


if __name__ == "__main__":
    print("\n".join(requirements(Path(sys.argv[1]).read_text(), sys.argv[2:])))  # noqa: T201
