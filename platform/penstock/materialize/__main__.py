"""`python -m penstock.materialize`: one try to stage one run.

Exit codes: 0 a report was written, 1 a store failed and the staging may be tried again, 2 it could not be started.
"""

from __future__ import annotations

import os
import sys

from penstock.handoff import STAGING_VARIABLE, StagingSpec


def main() -> int:
    """Stage the run of the environment variable."""
    handed = os.environ.get(STAGING_VARIABLE)
    if handed is None:
        return _complain(f"{STAGING_VARIABLE} is not set: the operator starts this, not a person", 2)
    spec = StagingSpec.model_validate_json(handed)
    # Feast and pymilvus take seconds to import, so a wrong call is told before.
    from penstock.materialize.job import run_staging
    from penstock.materialize.verify import VerificationFailed
    from penstock.rundir.errors import RunDirError, StoreError
    from penstock.stores.feast.errors import FeaturesError
    from penstock.stores.milvus.errors import VectorsError

    try:
        report = run_staging(spec)
    except (FeaturesError, VectorsError, VerificationFailed, StoreError, RunDirError) as error:
        return _complain(str(error), 1)
    print(f"Run {report.run}: {report.outcome}. {report.message}".strip(), flush=True)  # noqa: T201 - the job's log
    return 0


def _complain(message: str, code: int) -> int:
    print(f"Error: {message}", file=sys.stderr, flush=True)  # noqa: T201 - the job's log
    return code


if __name__ == "__main__":
    sys.exit(main())
