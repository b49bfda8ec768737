"""An API server of the bench's own, with what is needed to load it and to ask it what it did."""

from __future__ import annotations

import asyncio
import json
import os
import re
import ssl
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import aiohttp
import yaml

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "helpers"))
from apiserver import Server  # the API server that the tests have too

from penstock.api import KINDS
from penstock.crds import crd

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ASSETS, KUBERAY = "KUBEBUILDER_ASSETS", "KUBERAY_CRDS"
WRITES = re.compile(r"^apiserver_request_total\{(.*)\} (\S+)$")
LABEL = re.compile(r'(\w+)="([^"]*)"')
AT_ONCE = 16


def loose(group: str, version: str, kind: str, plural: str) -> dict[str, Any]:
    """A definition that lets everything pass."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": anything, "status": anything}}
    served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [{**served, "subresources": {"status": {}}}],
        },
    }


def rayjobs() -> dict[str, Any]:
    """KubeRay's definition of RayJobs, from the file that KUBERAY_CRDS names, or a loose one."""
    if path := os.environ.get(KUBERAY):
        for one in json.loads(Path(path).read_text())["items"]:
            if one["spec"]["names"]["kind"] == "RayJob":
                return dict(one)
    return loose("ray.io", "v1", "RayJob", "rayjobs")


class Cluster:
    """The API server, as its user sees it."""

    def __init__(self, folder: Path) -> None:
        self.server = Server(Path(os.environ[ASSETS]), folder)
        self.kubeconfig = folder / "kubeconfig"

    async def __aenter__(self) -> Cluster:
        await asyncio.to_thread(self.server.start)
        address = f"https://127.0.0.1:{self.server.port}"
        cluster = {"server": address, "certificate-authority": str(self.server.certificate)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "bench",
            "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
            "clusters": [{"name": "bench", "cluster": cluster}],
            "users": [{"name": "bench", "user": {"token": self.server.token}}],
        }
        self.kubeconfig.write_text(yaml.safe_dump(config))
        self.http = aiohttp.ClientSession(
            address,
            connector=aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=self.server.certificate), limit=0),
            headers={"Authorization": f"Bearer {self.server.token}"},
            timeout=aiohttp.ClientTimeout(None),
        )
        definitions = [*map(crd, KINDS.values()), rayjobs(), loose("bench.penstock.dev", "v1", "Peer", "peers")]
        for one in definitions:
            await self.call("POST", DEFINITIONS, one)
        for one in definitions:
            spec = one["spec"]
            path = f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}"
            while not await self._serves(path):
                await asyncio.sleep(0.2)
        return self

    async def _serves(self, path: str) -> bool:
        async with self.http.get(path) as answer:
            return answer.status == 200

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()
        self.server.stop()

    async def call(self, method: str, path: str, body: object = None, media: str = "application/json") -> Any:
        data = None if body is None else json.dumps(body)
        async with self.http.request(method, path, data=data, headers={"Content-Type": media}) as answer:
            text = await answer.text()
            assert answer.status < 300, text
            return json.loads(text) if text.startswith("{") else text

    async def each(self, calls: Iterable[tuple[str, str, object, str]]) -> None:
        """Make many calls, some side by side."""
        left = iter(calls)

        async def work() -> None:
            for one in left:
                await self.call(*one)

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))

    async def watch(self, path: str) -> AsyncIterator[dict[str, Any]]:
        """What changes from now on; the API server ends the watch of one that does not keep up."""
        version = (await self.call("GET", f"{path}?limit=1"))["metadata"]["resourceVersion"]
        while True:
            buffer = b""
            async with self.http.get(f"{path}?watch=true&resourceVersion={version}") as answer:
                async for chunk in answer.content.iter_any():
                    buffer += chunk
                    *lines, buffer = buffer.split(b"\n")
                    for line in lines:
                        change = json.loads(line)
                        assert change["type"] != "ERROR", change
                        version = change["object"]["metadata"]["resourceVersion"]
                        yield change

    async def writes(self) -> Counter[str]:
        """Writes so far by resource, as the API server counts them."""
        found: Counter[str] = Counter()
        for line in (await self.call("GET", "/metrics")).splitlines():
            if (match := WRITES.match(line)) is not None:
                labels = dict(LABEL.findall(match[1]))
                if labels["verb"] in ("POST", "PUT", "PATCH", "APPLY", "DELETE"):
                    found[labels["resource"]] += int(float(match[2]))
        return found
