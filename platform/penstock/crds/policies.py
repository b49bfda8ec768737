"""The rules of deletions and of managed kinds as ValidatingAdmissionPolicies, in templates of a chart.

Who is exempt, and where they hold, is the chart's (`_admission.tpl`): the operator, and what the control plane of the
cluster does by itself. https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from penstock.api import GROUP, KINDS, Resource
from penstock.crds.admission import Operation, rules
from penstock.crds.files import dump, escaped

HEADER = "# Generated from the models in penstock.api by `python -m penstock.crds write`; do not edit.\n"
OPERATIONS: tuple[Operation, ...] = ("CREATE", "UPDATE", "DELETE")


def render_templates(kinds: Iterable[type[Resource]] = tuple(KINDS.values())) -> dict[str, str]:
    """File name to text of a chart's template, for each kind that has such rules."""
    return {f"{GROUP}_{kind.PLURAL}.yaml": _template(kind) for kind in kinds if _validations(kind)}


def _validations(kind: type[Resource]) -> list[dict[str, Any]]:
    return [
        {"expression": _expression(operation, rule.rule), "message": rule.message, "reason": "Forbidden"}
        for operation in OPERATIONS
        for rule in rules(kind, operation)
    ]


def _expression(operation: Operation, rule: str) -> str:
    # What goes already may be deleted again: nothing is gained by refusing to say so twice.
    going = "has(oldObject.metadata.deletionTimestamp) || " if operation == "DELETE" else ""
    return f"request.operation != '{operation}' || {going}({rule})"


def _template(kind: type[Resource]) -> str:
    name = f'{{{{ include "penstock.fullname" . }}}}-{kind.PLURAL}'
    operations = [operation for operation in OPERATIONS if rules(kind, operation)]
    matched = {"apiGroups": [GROUP], "apiVersions": ["*"], "operations": operations, "resources": [kind.PLURAL]}
    constraints = dump({"matchConstraints": {"resourceRules": [matched]}})
    validations = dump({"validations": _validations(kind)})
    return f"""\
{{{{- if .Values.admission.enabled }}}}
{HEADER}apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {name}
  labels:
    {{{{- include "penstock.labels" . | nindent 4 }}}}
spec:
  failurePolicy: Fail
{_indented(constraints)}\
  matchConditions:
    {{{{- include "penstock.admission.exemptions" . | nindent 4 }}}}
{_indented(escaped(validations))}\
---
{{{{ include "penstock.admission.binding" (list . "{kind.PLURAL}") }}}}
{{{{- end }}}}
"""


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())
