"""TokenReview and SubjectAccessReview, as the Kubernetes API answers them."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from penstock.api import GROUP, Materialization
from penstock.gateway import metrics
from penstock.gateway.auth.access import Caller
from penstock.gateway.kubernetes import ApiAway, ApiRefused, Kubernetes, MissingRight
from penstock.gateway.rbac import rule

VERB, SUBRESOURCE = "get", "query"
"""The right to query a Materialization: this verb on this subresource, which exists for RBAC alone."""
REVIEW_SECONDS = 5.0


class ReviewFailed(Exception):
    """The API gave no answer; nothing may be concluded from that."""


class Reviews(Protocol):
    """Asks the API."""

    async def caller(self, token: str) -> Caller | None:
        """Who bears the token; None where it is nobody's.

        Raises:
            ReviewFailed: the API does not answer, or not to the gateway.
        """

    async def allowed(self, caller: Caller, namespace: str, name: str) -> bool:
        """Whether the caller may query a Materialization; an empty name is every one, an empty namespace every one.

        Raises:
            ReviewFailed: the API does not answer, or not to the gateway.
        """


class KubernetesReviews:
    """Reviews by the API.

    Args:
        api: whose user may create both reviews, as the ClusterRole `system:auth-delegator` lets it.
        audience: that a token must be for; empty for that of the API itself.
    """

    def __init__(self, api: Kubernetes, audience: str = "") -> None:
        self._api = api
        self._audiences = [audience] if audience else []

    async def caller(self, token: str) -> Caller | None:
        """Who bears the token; see `Reviews`."""
        spec: dict[str, Any] = {"token": token}
        if self._audiences:
            spec["audiences"] = self._audiences
        status = await self._create("token", "TokenReview", "authentication.k8s.io", spec)
        # An authenticator that knows no audiences leaves them out: its token is for the API alone.
        known = not self._audiences or set(self._audiences) & set(status.get("audiences") or ())
        found = _caller(status.get("user") or {}) if status.get("authenticated") and known else None
        metrics.REVIEWS.labels("token", "allowed" if found is not None else "denied").inc()
        return found

    async def allowed(self, caller: Caller, namespace: str, name: str) -> bool:
        """Whether the caller may query a Materialization; see `Reviews`."""
        attributes = {
            "verb": VERB,
            "group": GROUP,
            "resource": Materialization.PLURAL,
            "subresource": SUBRESOURCE,
            "namespace": namespace,
            "name": name,
        }
        spec = {
            "user": caller.name,
            "uid": caller.uid,
            "groups": list(caller.groups),
            "extra": {key: list(values) for key, values in caller.extra},
            "resourceAttributes": attributes,
        }
        status = await self._create("access", "SubjectAccessReview", "authorization.k8s.io", spec)
        allowed = bool(status.get("allowed"))
        metrics.REVIEWS.labels("access", "allowed" if allowed else "denied").inc()
        return allowed

    async def _create(self, about: str, kind: str, group: str, spec: dict[str, Any]) -> dict[str, Any]:
        what = f"{kind.lower()}s.{group}"
        try:
            async with asyncio.timeout(REVIEW_SECONDS):
                answer = await self._api.create({"apiVersion": f"{group}/v1", "kind": kind, "spec": spec})
        except MissingRight as error:
            metrics.REVIEWS.labels(about, "failed").inc()
            raise ReviewFailed(
                f"the gateway may not create {what}: bind its service account to ClusterRole system:auth-delegator"
            ) from error
        except ApiRefused as error:
            metrics.REVIEWS.labels(about, "failed").inc()
            raise ReviewFailed(f"the Kubernetes API refuses {what}: {error}") from error
        except (ApiAway, TimeoutError) as error:
            metrics.REVIEWS.labels(about, "failed").inc()
            raise ReviewFailed("the Kubernetes API does not answer") from error
        found: dict[str, Any] = answer.get("status") or {}
        return found


def grant(name: str) -> str:
    """The RBAC rule that lets somebody query a Materialization."""
    return rule(GROUP, f"{Materialization.PLURAL}/{SUBRESOURCE}", [VERB], name)


def _caller(user: dict[str, Any]) -> Caller:
    extra = tuple((key, tuple(values)) for key, values in sorted((user.get("extra") or {}).items()))
    return Caller(str(user.get("username", "")), str(user.get("uid", "")), tuple(user.get("groups") or ()), extra)
