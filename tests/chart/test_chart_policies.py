"""The rules of a kind as the chart's policies: whom they bind, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from relics import Relic, chart_with_policy

from penstock.api import KINDS
from penstock.crds.admission import rules
from penstock.crds.policies import OPERATIONS, render_templates

NAME = "penstock-relics"


@pytest.fixture(scope="session")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return chart_with_policy(tmp_path_factory.mktemp("chart"))


def of_relics(rendered: Any, name: str = NAME) -> tuple[dict[str, Any], dict[str, Any]]:
    """Its policy and the binding."""
    policy = rendered.of("ValidatingAdmissionPolicy")[name]
    binding = rendered.of("ValidatingAdmissionPolicyBinding")[name]
    assert binding["spec"]["policyName"] == name
    return policy["spec"], binding["spec"]


def exemptions(policy: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["expression"] for one in policy["matchConditions"]}


LEASES = "penstock-gateway-leases"
"""What keeps a gateway to its own Lease: of no kind of ours."""


def test_every_kind_that_has_rules_has_a_policy_and_no_other(render: Any, values: Any) -> None:
    ruled = {kind.PLURAL for kind in KINDS.values() if any(rules(kind, operation) for operation in OPERATIONS)}
    rendered = render(values)
    for kind in ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"):
        assert set(rendered.of(kind)) - {LEASES} == {f"penstock-{plural}" for plural in ruled}
    assert set(render_templates()) == {f"penstock.dev_{plural}.yaml" for plural in ruled}


def test_a_policy_says_each_rule_of_its_kind_as_the_rule_is_written(render: Any, smallest: Any, chart: Path) -> None:
    policy, binding = of_relics(render(smallest, chart=chart))
    (constraint,) = policy["matchConstraints"]["resourceRules"]
    assert (constraint["resources"], constraint["operations"]) == (["relics"], ["CREATE", "UPDATE", "DELETE"])
    assert policy["failurePolicy"] == "Fail"
    assert binding["validationActions"] == ["Deny"]
    assert "matchResources" not in binding
    said = [(one["message"], one["reason"]) for one in policy["validations"]]
    assert said == [(rule.message, "Forbidden") for operation in OPERATIONS for rule in rules(Relic, operation)]
    assert any("'{{ kept }}'" in one["expression"] for one in policy["validations"])


def test_the_operator_of_the_release_is_exempt_and_who_is_named(render: Any, smallest: Any, chart: Path) -> None:
    policy, _ = of_relics(render(smallest, chart=chart))
    assert set(exemptions(policy)) == {"not-the-operator", "not-the-control-plane"}
    assert '"system:serviceaccount:penstock:penstock-operator"' in exemptions(policy)["not-the-operator"]
    values = {
        **smallest,
        "admission": {"exemptUsers": ["system:serviceaccount:velero:velero"]},
        "operator": {"serviceAccount": {"name": "another"}},
    }
    policy, _ = of_relics(render(values, chart=chart, release="ml", namespace="team"), "ml-penstock-relics")
    assert '"system:serviceaccount:team:another"' in exemptions(policy)["not-the-operator"]
    assert 'in ["system:serviceaccount:velero:velero"]' in exemptions(policy)["not-exempt"]


def test_a_release_for_some_namespaces_binds_nobody_elsewhere(render: Any, smallest: Any, chart: Path) -> None:
    _, binding = of_relics(render({**smallest, "watchNamespaces": ["a", "b"]}, chart=chart))
    (expression,) = binding["matchResources"]["namespaceSelector"]["matchExpressions"]
    assert expression == {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["a", "b"]}


def test_without_admission_there_is_no_policy(render: Any, smallest: Any, chart: Path) -> None:
    rendered = render({**smallest, "admission": {"enabled": False}}, chart=chart)
    assert not rendered.of("ValidatingAdmissionPolicy")
    assert not rendered.of("ValidatingAdmissionPolicyBinding")


@pytest.mark.parametrize("users", [[""], "someone", [1]])
def test_users_that_are_none_are_refused(render: Any, smallest: Any, users: Any) -> None:
    with pytest.raises(ValueError, match="exemptUsers"):
        render({**smallest, "admission": {"exemptUsers": users}})
