"""Ray Train ends an attempt whatever becomes of a worker: a retry is the operator's to begin."""

from __future__ import annotations

import pytest

from penstock.train.strategies.data_parallel import no_retries


@pytest.mark.parametrize("lost", [False, True], ids=["its own failure", "its node was drained"])
def test_a_worker_that_fails_ends_the_attempt(lost: bool) -> None:
    from ray.train import PreemptionError, WorkerGroupError
    from ray.train.v2._internal.execution.failure_handling import DefaultFailurePolicy, FailureDecision
    from ray.train.v2.api.preemption import PreemptionInfo

    drained = PreemptionInfo(deadline_ms=0, preempted_node_to_ranks={"node": [0]})
    error = PreemptionError(drained) if lost else WorkerGroupError("boom", {0: ValueError("boom")})
    assert DefaultFailurePolicy(no_retries()).make_decision(error) is FailureDecision.RAISE
