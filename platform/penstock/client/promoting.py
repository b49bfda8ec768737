"""The part of the client that decides which run is served."""

from __future__ import annotations

from typing import Any

from penstock.api import Materialization
from penstock.api.materialization import Promotion, RunState
from penstock.client.errors import NotPossible
from penstock.client.writing import Writing

KEPT = (RunState.STAGED, RunState.RETIRING)


class Promoting(Writing):
    """promote and rollback: each is one write of `spec.pinnedRunRef`."""

    async def promote(self, name: str, run: str | None = None, *, namespace: str | None = None) -> Materialization:
        """Let a Materialization serve a run; it does not wait until it does (`wait_served`).

        Args:
            name: of the Materialization.
            run: pin this run. Unset, the newest staged run is served: where promotion is `Automatic` any pin is
                removed, so that newer runs are served again as they come; where it is `Manual` the run is pinned.
            namespace: of the Materialization.

        Raises:
            NotFound: there is no such Materialization.
            NotPossible: the run is not kept, or none is staged.

        Examples:
            >>> mat = await client.promote("digits")  # doctest: +SKIP
            >>> await client.wait_served("digits", mat.status.runs[-1].run)  # doctest: +SKIP
        """
        return await self._decide(Materialization, name, lambda mat: _pin(chosen(mat, run)), namespace)

    async def rollback(self, name: str, run: str | None = None, *, namespace: str | None = None) -> Materialization:
        """Serve the previous run, or a kept one, and stay with it until `promote`.

        Raises:
            NotFound: there is no such Materialization.
            NotPossible: there is no previous run, or the run is not kept.

        Examples:
            >>> (await client.rollback("digits")).spec.pinned_run  # doctest: +SKIP
            '3f2a9c41-1'
        """
        return await self._decide(Materialization, name, lambda mat: _pin(previous(mat, run)), namespace)


def newest(mat: Materialization) -> str | None:
    """The newest staged run."""
    return next((record.run for record in reversed(mat.status.runs) if record.state is RunState.STAGED), None)


def chosen(mat: Materialization, run: str | None) -> str | None:
    """The run to pin for a promotion; None to pin none.

    Raises:
        NotPossible: the run is not kept, or none is staged.
    """
    if run is not None:
        return _kept(mat, run)
    staged = newest(mat)
    if mat.spec.promotion is Promotion.AUTOMATIC and (staged is not None or mat.spec.pinned_run is not None):
        return None
    if staged is None:
        raise NotPossible(f"{_name(mat)} has no staged run to promote: look at its condition Staged")
    return staged


def previous(mat: Materialization, run: str | None) -> str:
    """The run to go back to.

    Raises:
        NotPossible: there is no previous run, or the run is not kept.
    """
    target = run or mat.status.previous_run
    if target is None:
        raise NotPossible(f"{_name(mat)} has no previous run to go back to: name a staged one with `run`")
    return _kept(mat, target)


def _kept(mat: Materialization, run: str) -> str:
    kept = list(dict.fromkeys(record.run for record in mat.status.runs if record.state in KEPT))
    if run not in kept:
        listed = ", ".join(kept) or "none"
        raise NotPossible(f"Run {run!r} of {_name(mat)} is not staged: name one that is ({listed})")
    return run


def _pin(run: str | None) -> dict[str, Any]:
    return {"pinnedRunRef": {"name": run} if run is not None else None}


def _name(mat: Materialization) -> str:
    return f"materialization/{mat.metadata.name}"
