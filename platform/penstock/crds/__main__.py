"""`python -m penstock.crds write|check DIR [--docs DIR] [--chart DIR] [--policies DIR]`: what the models generate."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from penstock.crds import docs, files, policies


def main(arguments: list[str] | None = None) -> int:
    """Write or check; the exit code is 1 when a file differs."""
    parser = argparse.ArgumentParser(prog="python -m penstock.crds", description=__doc__)
    parser.add_argument("command", choices=("write", "check"))
    parser.add_argument("folder", type=Path, help="folder of the CustomResourceDefinitions")
    parser.add_argument("--docs", type=Path, help="folder of reference.md, troubleshooting.md and types.md")
    parser.add_argument("--chart", type=Path, help="folder of the definitions among a chart's templates")
    parser.add_argument("--policies", type=Path, help="folder of the admission policies among a chart's templates")
    options = parser.parse_args(arguments)
    folders: list[tuple[Path | None, dict[str, str]]] = [
        (options.folder, files.render()),
        (options.chart, files.render_templates()),
        (options.policies, policies.render_templates()),
    ]
    named = [(folder, texts) for folder, texts in folders if folder is not None]
    if options.command == "write":
        written = [path for folder, texts in named for path in files.write(folder, texts)]
        written += docs.write(options.docs) if options.docs else []
        sys.stdout.write("".join(f"{path}\n" for path in written))
        return 0
    lines = [line for folder, texts in named for line in files.drift(folder, texts)]
    lines += docs.drift(options.docs) if options.docs else []
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
