"""What may be done to objects beyond what their schema says: the rules of deletions and of kinds that are managed.

A cluster enforces them by a ValidatingAdmissionPolicy (`penstock.crds.policies`), the embedded API by itself; both
evaluate the rules that are here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from penstock.api import Resource
from penstock.api.meta import Rule

if TYPE_CHECKING:
    import cel

Operation = Literal["CREATE", "UPDATE", "DELETE"]


def rules(kind: type[Resource], operation: Operation) -> Sequence[Rule]:
    """The CEL rules of an operation on a kind, over `object` and `oldObject`; every one must be true."""
    name = kind.__name__
    if operation == "DELETE":
        return kind.DELETION_RULES
    if not kind.MANAGED:
        return ()
    if operation == "CREATE":
        return (Rule("false", f"a {name} is made by Penstock alone"),)
    return (Rule("object.spec == oldObject.spec", f"the spec of a {name} is changed by Penstock alone"),)


class Gatekeeper:
    """Evaluates the rules of one kind; each is compiled once, on first use."""

    def __init__(self, kind: type[Resource]) -> None:
        self._kind = kind
        self._programs: dict[str, cel.Program] = {}

    def refusals(self, obj: dict[str, Any] | None, old: dict[str, Any] | None) -> Sequence[str]:
        """Why a change is refused; empty when it is not.

        Args:
            obj: the object as it would be; None where it is deleted.
            old: as it is; None where it is created.
        """
        if obj is None and old is not None and "deletionTimestamp" in old["metadata"]:
            # It goes already: nothing is gained by refusing to say so twice.
            return []
        operation: Operation = "DELETE" if obj is None else "CREATE" if old is None else "UPDATE"
        variables = {name: value for name, value in (("object", obj), ("oldObject", old)) if value is not None}
        return [rule.message for rule in rules(self._kind, operation) if not self._passes(rule.rule, variables)]

    def _passes(self, rule: str, variables: dict[str, Any]) -> bool:
        import cel

        if rule not in self._programs:
            self._programs[rule] = cel.compile(rule)
        try:
            return self._programs[rule].execute(variables) is True
        # Whatever the evaluation raises refuses, as a policy that fails closed.
        except Exception:  # noqa: BLE001
            return False
