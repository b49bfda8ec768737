"""A pod template of the user's over the one that Penstock builds."""

from __future__ import annotations

from typing import Any

import pytest

from penstock_operator.adapters.ray.kuberay.merge import merged

BUILT: dict[str, Any] = {
    "metadata": {"labels": {"a": "1"}},
    "spec": {
        "containers": [
            {
                "name": "ray-head",
                "image": "ours",
                "env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
                "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
                "securityContext": {"allowPrivilegeEscalation": False},
            }
        ],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        "tolerations": [{"key": "ours"}],
    },
}


def spec(**patch: Any) -> dict[str, Any]:
    result: dict[str, Any] = merged(BUILT, {"spec": patch})["spec"]
    return result


def test_nothing_over_it_leaves_it_as_it_is() -> None:
    assert merged(BUILT, {}) == BUILT


def test_maps_are_merged_by_key() -> None:
    over = {"metadata": {"labels": {"b": "2"}, "annotations": {"c": "3"}}}
    assert merged(BUILT, over)["metadata"] == {"labels": {"a": "1", "b": "2"}, "annotations": {"c": "3"}}


def test_a_container_is_found_by_its_name_and_stays_the_first() -> None:
    containers = spec(containers=[{"name": "sidecar"}, {"name": "ray-head", "image": "theirs"}])["containers"]
    assert [(one["name"], one.get("image")) for one in containers] == [("ray-head", "theirs"), ("sidecar", None)]
    assert containers[0]["securityContext"] == {"allowPrivilegeEscalation": False}


@pytest.mark.parametrize(
    ("field", "patch", "expected"),
    [
        ("env", [{"name": "X", "value": "1"}], ["TOKEN", "X"]),
        ("env", [{"name": "TOKEN", "value": "plain"}], ["TOKEN"]),
        ("volumeMounts", [{"name": "data", "mountPath": "/data"}], ["tmp", "data"]),
        ("volumeMounts", [{"name": "data", "mountPath": "/tmp"}], ["data"]),
    ],
)
def test_lists_of_a_container_are_merged_by_entry(field: str, patch: list[Any], expected: list[str]) -> None:
    (container,) = spec(containers=[{"name": "ray-head", field: patch}])["containers"]
    assert [entry["name"] for entry in container[field]] == expected


def test_a_variable_has_a_value_or_a_source_never_both() -> None:
    (container,) = spec(containers=[{"name": "ray-head", "env": [{"name": "TOKEN", "value": "plain"}]}])["containers"]
    assert container["env"] == [{"name": "TOKEN", "value": "plain"}]


def test_a_volume_has_one_source() -> None:
    claim = {"name": "tmp", "persistentVolumeClaim": {"claimName": "big"}}
    assert spec(volumes=[claim])["volumes"] == [claim]


def test_lists_without_a_key_are_replaced() -> None:
    assert spec(tolerations=[{"key": "theirs"}])["tolerations"] == [{"key": "theirs"}]


def test_null_removes() -> None:
    assert "tolerations" not in spec(tolerations=None)
    (container,) = spec(containers=[{"name": "ray-head", "securityContext": None}])["containers"]
    assert "securityContext" not in container


@pytest.mark.parametrize("nonsense", [["ray-head"], [{"name": {}}], [None], "ray-head"])
def test_what_is_no_list_of_entries_is_handed_on_for_the_api_server_to_refuse(nonsense: Any) -> None:
    assert spec(containers=nonsense)["containers"] == nonsense
