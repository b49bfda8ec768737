"""`python -m penstock.train.launch`: one attempt, from its environment variable to its manifest.

Exit codes: 0 the run is whole, 1 the training code or its output failed, 2 the attempt could not be started.
"""

from __future__ import annotations

import os
import sys
import traceback

from penstock.handoff import ATTEMPT_VARIABLE, AttemptSpec
from penstock.rundir.errors import ManifestMissing, RunDirError, StoreError
from penstock.rundir.read import read_manifest
from penstock.train.commit import commit
from penstock.train.errors import SourceError, TrainError
from penstock.train.source import resolved
from penstock.train.strategies.base import find


def main() -> int:
    """Run the attempt; one that is whole already is left as it is."""
    handed = os.environ.get(ATTEMPT_VARIABLE)
    if handed is None:
        return _complain(f"{ATTEMPT_VARIABLE} is not set: the operator starts this, not a person", 2)
    spec = AttemptSpec.model_validate_json(handed)
    try:
        read_manifest(spec.run_uri)
        return 0
    except ManifestMissing:
        pass
    except (RunDirError, StoreError) as error:
        return _complain(str(error), 2)
    try:
        strategy = find(spec.strategy.name)
    except TrainError as error:
        return _complain(str(error), 2)
    try:
        with resolved(spec) as ready:
            strategy(ready)
            manifest = commit(ready)
    except SourceError as error:
        return _complain(str(error), 2)
    except (TrainError, StoreError) as error:
        return _complain(str(error), 1)
    except Exception:  # noqa: BLE001 - the training code's own error, which the last log lines must show
        traceback.print_exc()
        return 1
    rows = ", ".join(f"{output.name} {output.rows}" for output in manifest.outputs)
    print(f"Run {spec.run} is whole: {rows or 'no outputs'}", flush=True)  # noqa: T201 - the job's log
    return 0


def _complain(message: str, code: int) -> int:
    print(f"Error: {message}", file=sys.stderr, flush=True)  # noqa: T201 - the job's log
    return code


if __name__ == "__main__":
    sys.exit(main())
