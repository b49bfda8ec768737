"""`python -m penstock.crds write|check DIR [--docs DIR] [--chart DIR]`: the files generated from the models."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from penstock.crds import docs, files


def main(arguments: list[str] | None = None) -> int:
    """Write or check; the exit code is 1 when a file differs."""
    parser = argparse.ArgumentParser(prog="python -m penstock.crds", description=__doc__)
    parser.add_argument("command", choices=("write", "check"))
    parser.add_argument("folder", type=Path, help="folder of the CustomResourceDefinitions")
    parser.add_argument("--docs", type=Path, help="folder of reference.md and troubleshooting.md")
    parser.add_argument("--chart", type=Path, help="folder of the definitions among a chart's templates")
    options = parser.parse_args(arguments)
    templates = files.render_templates()
    if options.command == "write":
        written = files.write(options.folder) + (docs.write(options.docs) if options.docs else [])
        written += files.write(options.chart, templates) if options.chart else []
        sys.stdout.write("".join(f"{path}\n" for path in written))
        return 0
    lines = files.drift(options.folder) + (docs.drift(options.docs) if options.docs else [])
    lines += files.drift(options.chart, templates) if options.chart else []
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
