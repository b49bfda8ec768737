"""The gateway's reviews by a real kube-apiserver: service accounts, audiences, and RBAC by name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from gateway_api import EmptyBundles, NoRuns, connected

from penstock.gateway.auth.review import TokenReviewAccess
from penstock.gateway.auth.reviews import KubernetesReviews, ReviewFailed, grant
from penstock.gateway.catalog import Catalog
from penstock.gateway.kubernetes import Kubernetes, MissingRight
from penstock.gateway.watch import Watcher

pytestmark = pytest.mark.apiserver

RBAC = "/apis/rbac.authorization.k8s.io/v1"


def made(apiserver: httpx2.Client, path: str, document: dict[str, Any]) -> dict[str, Any]:
    answer = apiserver.post(path, json=document)
    assert answer.status_code in (201, 409), answer.text
    found: dict[str, Any] = answer.json()
    return found


def account(apiserver: httpx2.Client, namespace: str, name: str) -> str:
    """A service account; a token of its own, for the API."""
    made(apiserver, "/api/v1/namespaces", {"metadata": {"name": namespace}})
    made(apiserver, f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}})
    return token(apiserver, namespace, name)


def token(apiserver: httpx2.Client, namespace: str, name: str, *audiences: str) -> str:
    spec = {"audiences": list(audiences)} if audiences else {}
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
    return str(made(apiserver, path, {"spec": {**spec, "expirationSeconds": 600}})["status"]["token"])


def bind(apiserver: httpx2.Client, path: str, role: dict[str, str], namespace: str, name: str) -> None:
    subjects = [{"kind": "ServiceAccount", "name": name, "namespace": namespace}]
    ref = {"apiGroup": "rbac.authorization.k8s.io", **role}
    made(apiserver, path, {"metadata": {"name": f"{name}-{role['name']}"}, "roleRef": ref, "subjects": subjects})


@pytest.fixture
async def reviewer(apiserver: httpx2.Client) -> AsyncIterator[Kubernetes]:
    """A client with the gateway's rights, and no others."""
    bearer = account(apiserver, "gateway", "gateway")
    delegator = {"kind": "ClusterRole", "name": "system:auth-delegator"}
    bind(apiserver, f"{RBAC}/clusterrolebindings", delegator, "gateway", "gateway")
    client = connected(str(apiserver.base_url), bearer)
    yield client
    await client.close()


async def test_a_service_account_queries_what_its_role_names(apiserver: httpx2.Client, reviewer: Kubernetes) -> None:
    bearer = account(apiserver, "shop", "web")
    made(apiserver, f"{RBAC}/namespaces/shop/roles", {"metadata": {"name": "query"}, "rules": [_rule("digits")]})
    role = {"kind": "Role", "name": "query"}
    bind(apiserver, f"{RBAC}/namespaces/shop/rolebindings", role, "shop", "web")
    access = TokenReviewAccess(KubernetesReviews(reviewer))
    caller = await access.caller(bearer)
    assert caller is not None
    assert caller.name == "system:serviceaccount:shop:web"
    assert await access.visible(caller, [("bank", "digits"), ("shop", "digits"), ("shop", "other")]) == [
        ("shop", "digits")
    ]
    assert await access.caller(bearer[:-4] + "AAAA") is None
    assert await access.caller("nobody") is None
    gateway = await access.caller(account(apiserver, "gateway", "gateway"))
    assert gateway is not None
    assert await access.visible(gateway, [("shop", "digits")]) == []


async def test_a_token_is_for_its_audience_alone(apiserver: httpx2.Client, reviewer: Kubernetes) -> None:
    plain = account(apiserver, "shop", "web")
    own = token(apiserver, "shop", "web", "penstock-gateway")
    reviews = KubernetesReviews(reviewer, "penstock-gateway")
    assert (await reviews.caller(plain), (await reviews.caller(own)) is not None) == (None, True)
    assert await KubernetesReviews(reviewer).caller(own) is None


async def test_a_cluster_role_opens_every_namespace(apiserver: httpx2.Client, reviewer: Kubernetes) -> None:
    bearer = account(apiserver, "shop", "all")
    rule = {name: value for name, value in _rule("x").items() if name != "resourceNames"}
    made(apiserver, f"{RBAC}/clusterroles", {"metadata": {"name": "query-all"}, "rules": [rule]})
    bind(apiserver, f"{RBAC}/clusterrolebindings", {"kind": "ClusterRole", "name": "query-all"}, "shop", "all")
    access = TokenReviewAccess(KubernetesReviews(reviewer))
    caller = await access.caller(bearer)
    assert caller is not None
    known = [("bank", "digits"), ("shop", "digits")]
    assert await access.visible(caller, known) == known


async def test_what_the_gateway_itself_lacks_is_said(apiserver: httpx2.Client) -> None:
    client = connected(str(apiserver.base_url), account(apiserver, "shop", "powerless"))
    with pytest.raises(ReviewFailed, match=r"may not create tokenreviews.*system:auth-delegator"):
        await KubernetesReviews(client).caller("any")
    with pytest.raises(MissingRight, match=r"may not get Secret 'key' in namespace 'shop'.*\"secrets\".*\"key\""):
        await client.get("Secret", "shop", "key")
    catalog = Catalog(EmptyBundles(), NoRuns())
    watching = asyncio.create_task(Watcher(client, catalog).run())
    async with asyncio.timeout(20):
        while not catalog.problem:
            await asyncio.sleep(0.05)
    watching.cancel()
    await asyncio.gather(watching, catalog.close(), return_exceptions=True)
    assert catalog.unready() == (
        "The gateway may not list and watch materializations in all namespaces: grant its service account the rule "
        '{"apiGroups": ["penstock.dev"], "resources": ["materializations"], "verbs": ["list", "watch"]}'
    )
    await client.close()


def _rule(name: str) -> dict[str, Any]:
    rule: dict[str, Any] = json.loads(grant(name))
    return rule
