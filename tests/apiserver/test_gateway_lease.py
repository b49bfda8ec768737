"""A real API server lets a gateway write its own Lease, and no other, by the chart's rights and policy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from gateway_api import connected
from waiting import wait_until

from penstock.gateway.kubernetes import ApiRefused, Kubernetes, MissingRight
from penstock.heartbeat import Behind, Heartbeat, from_lease, to_lease

pytestmark = pytest.mark.apiserver

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PATHS = {
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/penstock/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/penstock/rolebindings",
    "ValidatingAdmissionPolicy": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
}
NAMES = {"penstock-gateway-lease", "penstock-gateway-leases"}
LEASES = "/apis/coordination.k8s.io/v1/namespaces/penstock/leases"


def lease(name: str, **said: Any) -> dict[str, Any]:
    made = to_lease(Heartbeat("one", NOW, NOW, **said), "penstock")
    made["metadata"]["name"] = name
    return made


@pytest.fixture
async def gateway(apiserver: httpx2.Client, render: Any) -> AsyncIterator[Kubernetes]:
    """A connection with the gateway's rights to Leases, once the policy holds."""
    accounts = "/api/v1/namespaces/penstock/serviceaccounts"
    apiserver.post("/api/v1/namespaces", json={"metadata": {"name": "penstock"}})
    apiserver.post(accounts, json={"metadata": {"name": "penstock-gateway"}})
    rendered = [obj for obj in render({"artifacts": {"uri": "s3://b"}}) if obj["metadata"]["name"] in NAMES]
    assert sorted(obj["kind"] for obj in rendered) == sorted(PATHS)
    for obj in rendered:
        answer = apiserver.post(PATHS[obj["kind"]], json=obj)
        assert answer.status_code == 201, answer.text
    assert apiserver.post(LEASES, json=lease("penstock-operator")).status_code == 201
    answer = apiserver.post(f"{accounts}/penstock-gateway/token", json={"spec": {"expirationSeconds": 600}})
    token = answer.json()["status"]["token"]
    other = httpx2.Client(base_url=apiserver.base_url, verify=False, headers={"Authorization": f"Bearer {token}"})
    wait_until(lambda: other.post(LEASES, json=lease("x"), params={"dryRun": "All"}).status_code == 403)
    other.close()
    connection = connected(str(apiserver.base_url), token)
    connection.namespace = "penstock"
    yield connection
    await connection.close()
    for obj in rendered:
        apiserver.delete(f"{PATHS[obj['kind']]}/{obj['metadata']['name']}")
    apiserver.delete(f"{LEASES}/penstock-operator")


async def test_a_gateway_writes_its_own_lease_and_no_other(apiserver: httpx2.Client, gateway: Kubernetes) -> None:
    own = "penstock-gateway-one"
    await gateway.put(lease(own))
    behind = Behind(namespace="shop", name="m", run="r", uid="u", since=NOW, problem="the disk is full")
    await gateway.put(lease(own, behind=[behind]))
    read = from_lease(apiserver.get(f"{LEASES}/{own}").json())
    assert read is not None
    assert read.behind == [behind]
    for name in ("penstock-operator", "another"):
        with pytest.raises(ApiRefused):
            await gateway.put(lease(name, behind=[behind]))
    with pytest.raises(ApiRefused):
        await gateway.delete("Lease", "penstock", "penstock-operator")
    with pytest.raises(MissingRight):
        await gateway.put({**lease(own), "metadata": {**lease(own)["metadata"], "namespace": "default"}})
    leads = apiserver.get(f"{LEASES}/penstock-operator").json()
    assert "penstock.dev/behind" in leads["metadata"]["annotations"]
    assert leads["metadata"]["annotations"]["penstock.dev/behind"] == "[]"
    await gateway.delete("Lease", "penstock", own)
    assert apiserver.get(f"{LEASES}/{own}").status_code == 404
