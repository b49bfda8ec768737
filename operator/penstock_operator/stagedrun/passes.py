"""One plan of a StagedRun in the making, and how every one of them ends. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from penstock.api.stagedrun import StagedRun, StagedRunReason, StagedRunStatus, StagingState, StepReason
from penstock_operator.loop.conditions import Truth, stalled
from penstock_operator.loop.draft import Draft
from penstock_operator.loop.plan import Failed, Plan, trouble
from penstock_operator.stagedrun.keptas import kept_as
from penstock_operator.stagedrun.observed import Action, Observed

FAILED = (StagingState.REFUSED, StagingState.LOST)
STEPS = ("Loaded", "Verified", "GatesPassed")


class Pass(Draft):
    """A copy of the status, the world and the clock."""

    def __init__(self, staged: StagedRun, seen: Observed, now: datetime, since: datetime) -> None:
        self.staged, self.spec, self.seen, self.now, self.since = staged, staged.spec, seen, now, since
        self.status: StagedRunStatus = staged.status.model_copy(deep=True)
        self.generation = staged.metadata.generation
        self.status.kept_as = kept_as(staged, seen.materialization)
        for output in self.status.outputs:
            policy = seen.policies.get((output.kind, output.resource))
            # That of a resource that is gone stays as it was last seen.
            output.retain = output.retain if policy is None else policy == "Retain"

    @property
    def run(self) -> str:
        """The name of the run that is staged."""
        return self.spec.training_run_ref.name

    @property
    def passed(self) -> str:
        """What is said of it once it rests."""
        gates = len(self.status.gates)
        counted = f" and passed {gates} gate{'s' if gates > 1 else ''}" if gates else ""
        return f"Run {self.run} is staged{counted}"

    def steps(self, done: int, failed: bool = False) -> None:
        """So many of the steps are done; with `failed` the one after them has failed."""
        for number, type_ in enumerate(STEPS):
            truth: Truth = "True" if number < done else "False" if failed and number == done else "Unknown"
            reason = (
                StepReason.DONE if truth == "True" else StepReason.FAILED if truth == "False" else StepReason.NOT_YET
            )
            self.condition(type_, truth, reason, "")

    def ready(
        self,
        truth: Truth,
        reason: StagedRunReason,
        message: str,
        *actions: Action,
        after: float | None = None,
        cleanup: Sequence[Action] = (),
        conclude: Callable[[Failed], str] = trouble,
    ) -> Plan[Action]:
        """The plan that says so."""
        if not any(condition.type == STEPS[0] for condition in self.status.conditions):
            self.steps(0)
        self.condition("Ready", truth, reason, message)
        self.status.conditions = stalled(
            self.status.conditions,
            str(reason) if self.status.state in FAILED else None,
            generation=self.generation,
            now=self.now,
        )
        return Plan(self.status, actions, after, cleanup=cleanup, conclude=conclude)
