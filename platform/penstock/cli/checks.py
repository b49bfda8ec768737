"""The checks of `penstock doctor`."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import httpx2

from penstock.api import GROUP, KINDS, VERSION
from penstock.cli.check import Check
from penstock.cli.cluster import cluster_checks
from penstock.cli.stack import Stack
from penstock.client import AsyncClient
from penstock.client.config import Address, NoGateway, find_kubeconfigs, gateway_address, shown
from penstock.client.errors import Forbidden, NotFound, PenstockError

PYTHON = (3, 11)
LOCAL_PACKAGES = ("pyarrow", "ray", "torch", "feast", "pymilvus", "milvus_lite", "faiss", "starlette", "uvicorn")
FREE_BYTES = 2 * 2**30
ANSWER_SECONDS = 5.0


async def all_checks(
    stack: Stack, kubeconfig: Path | None, context: str | None, namespace: str | None = None
) -> list[Check]:
    """Every check, in the order in which to mend what fails; of this machine only what the API's side needs."""
    named = kubeconfig or (stack.kubeconfig if stack.kubeconfig.is_file() and context is None else None)
    try:
        client: AsyncClient | None = AsyncClient(named, context=context, namespace=namespace)
    except PenstockError as error:
        client, api = None, [Check(False, "No kubeconfig", str(error))]
    if client is not None:
        async with client:
            api = await _api(client, named)
            if not client.local:
                there = await cluster_checks(client, _gateway(named, context)) if all(one.passed for one in api) else ()
                return [python(), *api, *there]
    found = [python(), packages(), disk(stack.home)]
    if (pid := stack.pid()) is not None:
        found.append(Check(True, f"A local stack runs in {stack.home} (pid {pid})"))
        found += await _servers(stack)
    return [*found, *api]


def python() -> Check:
    """Whether this Python is new enough."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Check(sys.version_info >= PYTHON, f"Python {version}", "install Python 3.11 or newer")


def packages() -> Check:
    """Whether the packages of the local stack can be found; none is imported."""
    missing = [name for name in LOCAL_PACKAGES if find_spec(name) is None]
    if missing:
        return Check(False, f"Packages are missing: {', '.join(missing)}", "pip install 'penstock[local]'")
    return Check(True, f"Packages of the local stack ({len(LOCAL_PACKAGES)}) are installed")


def disk(home: Path) -> Check:
    """Whether there is room for runs and stores."""
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    text = f"{free / 2**30:.1f} GiB are free for {home}"
    return Check(free >= FREE_BYTES, text, "free at least 2 GiB, or choose another folder with --home")


async def _api(client: AsyncClient, kubeconfig: Path | None) -> list[Check]:
    found = [Check(True, f"Kubeconfig {shown(find_kubeconfigs(kubeconfig)) or 'of the service account'}")]
    served: list[str] = []
    try:
        for name, kind in KINDS.items():
            try:
                await client.table(kind)
            except NotFound:
                continue
            except Forbidden:
                # Which rights are lacking is told apart.
                pass
            served.append(name)
    except PenstockError as error:
        return [*found, Check(False, f"The API at {client.server}", str(error))]
    found.append(Check(True, f"The API at {client.server} answers"))
    missing = sorted(KINDS.keys() - set(served))
    if missing:
        text = f"The API does not serve {', '.join(missing)}"
        return [*found, Check(False, text, "penstock crds print | kubectl apply -f -")]
    return [*found, Check(True, f"The API serves the {len(served)} kinds of {GROUP}/{VERSION}")]


def _gateway(kubeconfig: Path | None, context: str | None) -> Address | None:
    """The address of the cluster's gateway, where one is named for this machine."""
    try:
        return gateway_address(None, kubeconfig, context)
    except NoGateway:
        return None


async def _servers(stack: Stack) -> list[Check]:
    addresses = stack.addresses()
    if not addresses:
        return [Check(False, "The local stack is not ready yet", f"wait a moment, or read {stack.log}")]
    paths = {"ray": ("Ray", "/api/version"), "gateway": ("The gateway", "/healthz")}
    found = []
    async with httpx2.AsyncClient(trust_env=False, timeout=ANSWER_SECONDS) as http:
        for key, (title, path) in paths.items():
            if key in addresses:
                text = f"{title} at {addresses[key]}"
                try:
                    # Without the token Ray says 401, which is an answer.
                    answered = not (await http.get(f"{addresses[key]}{path}")).is_server_error
                except httpx2.HTTPError:
                    answered = False
                remedy = f"read the logs in {stack.log.parent}, then `penstock down` and `penstock up`"
                found.append(Check(answered, f"{text} answers" if answered else f"{text} does not answer", remedy))
    return found
