"""The peer: a plain kopf operator that creates one child for each object and patches its status once."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import kopf
import yaml

CONFIG = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
CLUSTER, USER = CONFIG["clusters"][0]["cluster"], CONFIG["users"][0]["user"]


@kopf.on.startup()
async def start(memo: kopf.Memo, settings: kopf.OperatorSettings, **_: Any) -> None:
    settings.posting.enabled = False
    context = ssl.create_default_context(cafile=CLUSTER["certificate-authority"])
    memo.http = aiohttp.ClientSession(
        CLUSTER["server"],
        connector=aiohttp.TCPConnector(ssl=context),
        headers={"Authorization": f"Bearer {USER['token']}"},
    )


@kopf.on.create("bench.penstock.dev", "v1", "peers")
async def create(body: kopf.Body, name: str, namespace: str, patch: kopf.Patch, memo: kopf.Memo, **_: Any) -> None:
    child: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "b"}}
    kopf.append_owner_reference(child, owner=body)
    async with memo.http.post(f"/api/v1/namespaces/{namespace}/configmaps", json=child) as answer:
        assert answer.status in (201, 409), await answer.text()
    patch.status["child"] = name
