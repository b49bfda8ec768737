"""Who may do what: no more than is needed, in no more namespaces than are watched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from penstock.api import GROUP, KINDS

OPERATOR, GATEWAY = "penstock-operator", "penstock-gateway"


def granted(rendered: Any, account: str) -> Iterator[tuple[str, str, str, str]]:
    """Namespace (empty: all), group, resource and verb of each right of a ServiceAccount."""
    for kind in ("RoleBinding", "ClusterRoleBinding"):
        for binding in rendered.of(kind).values():
            namespace = binding["metadata"].get("namespace", "")
            if {"kind": "ServiceAccount", "name": account, "namespace": "penstock"} not in binding["subjects"]:
                continue
            ref = binding["roleRef"]
            (role,) = [
                obj
                for obj in rendered
                if obj["kind"] == ref["kind"]
                and obj["metadata"]["name"] == ref["name"]
                and obj["metadata"].get("namespace", "") == namespace
            ]
            for rule in role["rules"]:
                for group in rule["apiGroups"]:
                    for resource in rule["resources"]:
                        for verb in rule["verbs"]:
                            yield namespace, group, resource, verb


def test_nothing_is_granted_by_a_wildcard(render: Any, values: Any) -> None:
    for account in (OPERATOR, GATEWAY):
        rights = list(granted(render(values), account))
        assert rights
        assert not [right for right in rights if "*" in right]


def test_secrets_can_be_read_by_name_alone(render: Any, values: Any) -> None:
    for account in (OPERATOR, GATEWAY):
        verbs = {
            verb for _, _, resource, verb in granted(render(values), account) if resource in ("secrets", "configmaps")
        }
        assert verbs == {"get"}


def test_nobody_may_make_pods_or_give_rights(render: Any, values: Any) -> None:
    for account in (OPERATOR, GATEWAY):
        rights = list(granted(render(values), account))
        resources = {resource for _, _, resource, _ in rights}
        assert not resources & {"deployments", "jobs", "roles", "rolebindings", "serviceaccounts", "nodes"}
        assert {verb for _, _, resource, verb in rights if resource.startswith("pods")} <= {"list"}


def test_what_stays_behind_can_be_told_where_the_operator_lives_whichever_namespaces_it_watches(
    render: Any, smallest: dict[str, Any]
) -> None:
    rights = set(granted(render({**smallest, "watchNamespaces": ["a", "b"]}), OPERATOR))
    assert {("penstock", "", "events", verb) for verb in ("get", "create", "patch")} <= rights


def test_leases_are_written_in_the_installations_namespace_alone(render: Any, smallest: dict[str, Any]) -> None:
    rendered = render(smallest)
    for account, verbs in ((OPERATOR, {"get", "update", "list"}), (GATEWAY, {"create", "patch", "delete"})):
        rights = {right for right in granted(rendered, account) if right[2] == "leases"}
        assert rights == {("penstock", "coordination.k8s.io", "leases", verb) for verb in verbs}
    (rule,) = [
        rule for rule in rendered.of("Role")["penstock-operator-lease"]["rules"] if rule["verbs"] == ["get", "update"]
    ]
    assert rule["resourceNames"] == ["penstock-operator"]
    assert "penstock-operator" in rendered.of("Lease")


def test_a_gateway_is_kept_to_its_own_lease_by_a_policy(render: Any, smallest: dict[str, Any]) -> None:
    values = {**smallest, "gateway": {"serviceAccount": {"name": "mine"}}}
    policy = render(values).of("ValidatingAdmissionPolicy")["penstock-gateway-leases"]["spec"]
    (condition,) = policy["matchConditions"]
    assert condition["expression"] == 'request.userInfo.username == "system:serviceaccount:penstock:mine"'
    for off in ({"admission": {"enabled": False}}, {"gateway": {"enabled": False}}, {"rbac": {"create": False}}):
        assert "penstock-gateway-leases" not in render({**smallest, **off}).of("ValidatingAdmissionPolicy")


def test_gateway_changes_nothing_but_its_lease(render: Any, smallest: dict[str, Any]) -> None:
    writes = {
        (resource, verb)
        for _, _, resource, verb in granted(render(smallest), GATEWAY)
        if verb not in ("get", "list", "watch")
    }
    leases = {("leases", verb) for verb in ("create", "patch", "delete")}
    assert writes == {("tokenreviews", "create"), ("subjectaccessreviews", "create")} | leases


def test_watched_namespaces_bound_every_right(render: Any, smallest: dict[str, Any]) -> None:
    everywhere, bounded = render(smallest), render({**smallest, "watchNamespaces": ["a", "b"]})
    for account in (OPERATOR, GATEWAY):
        wide = {right[1:] for right in granted(everywhere, account) if not right[0]}
        rights = set(granted(bounded, account))
        assert {right[2] for right in rights if not right[0]} <= {"tokenreviews", "subjectaccessreviews"}
        for namespace in ("a", "b"):
            here = {right[1:] for right in rights if right[0] == namespace}
            assert here == {right for right in wide if right[1].split("/")[0] not in OF_THE_CLUSTER}


OF_THE_CLUSTER = ("customresourcedefinitions", "tokenreviews", "subjectaccessreviews")


MADE = {kind.PLURAL for kind in KINDS.values() if kind.MANAGED}
WRITTEN = {kind.PLURAL for kind in KINDS.values()} - MADE


def verbs_on(role: dict[str, Any], resource: str) -> set[str]:
    return {verb for rule in role["rules"] if resource in rule["resources"] for verb in rule["verbs"]}


@pytest.mark.parametrize("resource", sorted(MADE))
def test_users_see_and_delete_what_the_operator_makes_and_write_none_of_it(
    render: Any, smallest: dict[str, Any], resource: str
) -> None:
    roles = render(smallest).of("ClusterRole")
    assert verbs_on(roles["penstock-viewer"], resource) == {"get", "list", "watch"}
    assert verbs_on(roles["penstock-editor"], resource) == {"delete"}


@pytest.mark.parametrize("resource", sorted(WRITTEN))
def test_users_write_what_they_say(render: Any, smallest: dict[str, Any], resource: str) -> None:
    roles = render(smallest).of("ClusterRole")
    assert verbs_on(roles["penstock-viewer"], resource) == {"get", "list", "watch"}
    assert verbs_on(roles["penstock-editor"], resource) == {"create", "update", "patch", "delete", "deletecollection"}


def test_the_operator_writes_every_status_and_makes_and_removes_runs_alone(
    render: Any, smallest: dict[str, Any]
) -> None:
    rights = {(resource, verb) for _, group, resource, verb in granted(render(smallest), OPERATOR) if group == GROUP}
    assert {resource for resource, verb in rights if resource.endswith("/status")} == {
        f"{plural}/status" for plural in MADE | WRITTEN
    }
    assert {resource for resource, verb in rights if verb in ("create", "delete")} == MADE
    assert {resource for resource, verb in rights if verb == "update" and "/" not in resource} == {"trainingruns"}
    for plural in MADE | WRITTEN:
        assert {verb for resource, verb in rights if resource == plural} >= {"get", "list", "watch", "patch"}


@pytest.mark.parametrize("aggregate", [True, False])
def test_users_see_and_edit_by_kubernetes_own_roles(render: Any, smallest: dict[str, Any], aggregate: bool) -> None:
    roles = render({**smallest, "rbac": {"aggregate": aggregate}}).of("ClusterRole")
    label = "rbac.authorization.k8s.io/aggregate-to-"
    to = {
        name: {key.removeprefix(label) for key in roles[f"penstock-{name}"]["metadata"]["labels"] if label in key}
        for name in ("viewer", "editor")
    }
    wanted = {"viewer": {"view", "edit", "admin"}, "editor": {"edit", "admin"}}
    assert to == (wanted if aggregate else {"viewer": set(), "editor": set()})
    viewer = roles["penstock-viewer"]["rules"]
    assert {verb for rule in viewer for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert ["materializations/query"] in [rule["resources"] for rule in viewer]
    editor = roles["penstock-editor"]["rules"]
    assert not any("/" in resource for rule in editor for resource in rule["resources"]), "status is the operator's"


def test_anybody_known_may_read_the_installation_and_nothing_else(render: Any, smallest: dict[str, Any]) -> None:
    rendered = render(smallest)
    binding = rendered.of("RoleBinding")["penstock-installation"]
    assert [subject["name"] for subject in binding["subjects"]] == ["system:authenticated"]
    (rule,) = rendered.of("Role")[binding["roleRef"]["name"]]["rules"]
    assert (rule["resourceNames"], rule["verbs"]) == (["penstock-installation"], ["get"])
    closed = render({**smallest, "installation": {"readableByAuthenticated": False}})
    assert "penstock-installation" not in closed.of("RoleBinding")


def test_rights_of_ones_own_replace_ours(render: Any, smallest: dict[str, Any]) -> None:
    account = {"create": False, "name": "mine"}
    rendered = render(
        {
            **smallest,
            "rbac": {"create": False},
            "operator": {"serviceAccount": account},
            "gateway": {"serviceAccount": account},
        }
    )
    assert not list(granted(rendered, "mine"))
    assert not rendered.of("ServiceAccount")
    assert {pod["spec"].get("serviceAccountName") for pod in rendered.pods.values()} == {"mine", None}
