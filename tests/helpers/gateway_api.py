"""A gateway's connection to an API at an address, and what stands in for its parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.api.stagedrun import StagedRun
from penstock.gateway.bundle import Bundle
from penstock.gateway.kubernetes import Kubernetes
from penstock.kubeapi.context import Context


def connected(server: str, token: str) -> Kubernetes:
    """A connection by a token, which looks at no certificate."""
    return Kubernetes(Context({"server": server, "insecure-skip-tls-verify": True}, {"token": token}))


class EmptyBundles:
    """Loads bundles that hold nothing."""

    async def load(self, namespace: str, run: str, uri: str, outputs: Sequence[Any]) -> Bundle:
        return Bundle(run, {}, {}, {})

    async def stores_digest(self, namespace: str, stores: object) -> str:
        return ""


class NoRuns:
    """An API that has no StagedRuns."""

    async def of(self, namespace: str, materialization: str) -> Sequence[StagedRun]:
        return ()
