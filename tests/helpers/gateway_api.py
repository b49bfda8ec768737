"""A gateway's connection to an API at an address, and what stands in for its parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from penstock.api.stagedrun import StagedRun
from penstock.gateway.bundle import Bundle
from penstock.gateway.kubernetes import Kubernetes


def connected(folder: Path, server: str, token: str) -> Kubernetes:
    """A connection by a token, which looks at no certificate."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server, "insecure-skip-tls-verify": True}}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path = folder / f"kubeconfig-{abs(hash((server, token)))}"
    path.write_text(yaml.safe_dump(config))
    return Kubernetes(path)


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
