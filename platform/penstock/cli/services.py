"""The checks of `penstock doctor` on what answers by HTTP: Services of the cluster, and the gateway at its address."""

from __future__ import annotations

import httpx2

from penstock.cli.check import Check
from penstock.client import AsyncClient
from penstock.client.config import GATEWAY_CA_VARIABLE, Address
from penstock.client.errors import Forbidden, PenstockError
from penstock.client.proxy import Service
from penstock.serving.aio import reason, trusting

ANSWER_SECONDS = 5.0
TLS = "tls: "
"""Begins the line in which a gateway tells what is wrong with its certificate."""


async def answers(client: AsyncClient, what: str, service: Service, path: str) -> Check:
    """Whether something answers at a Service, through the API server."""
    text = f"{what} ({service})"
    remedy = f"kubectl -n {service.namespace} get pods,endpoints, and read the logs"
    try:
        await client.get_text(f"{service.path}{path}")
    except Forbidden as error:
        if error.reason:
            return Check(True, f"{text} is not checked: you may not get services/proxy there")
    except PenstockError as error:
        # Without a token it answers all the same.
        if not isinstance(getattr(error, "code", None), int) or getattr(error, "code", 500) >= 404:
            return Check(False, f"{text} does not answer ({error})", remedy)
    return Check(True, f"{text} answers")


async def gateway(client: AsyncClient, service: Service) -> list[Check]:
    """Whether the gateway is ready, and what it says is wrong though it answers.

    That its certificate is good only it itself can tell: the API server does not look at it.
    """
    ready = await answers(client, "The gateway", service, "/readyz")
    if not ready.passed:
        return [ready]
    try:
        _, *wrong = (await client.get_text(f"{service.path}/readyz")).splitlines() or [""]
    except PenstockError:
        return [ready]
    renew = f"renew the Secret with it in namespace {service.namespace!r}; the gateway reads it by itself"
    return [
        ready,
        *(
            Check(
                False,
                f"The gateway ({service}): {line.removeprefix(TLS)}",
                renew if line.startswith(TLS) else "it tries again by itself; its log says more",
            )
            for line in wrong
        ),
    ]


async def gateway_at(address: Address) -> Check:
    """Whether the gateway at an address answers this machine, by a certificate that it trusts."""
    text = f"The gateway at {address.url}"
    try:
        context = trusting(address.trust())
    except OSError as error:
        return Check(False, f"{text}: its certificate authorities cannot be read", str(error))
    try:
        async with httpx2.AsyncClient(verify=context, timeout=ANSWER_SECONDS, trust_env=False) as http:
            answer = await http.get(f"{address.url}/v1")
    except httpx2.HTTPError as error:
        remedy = f"renew it, or name its authority by {GATEWAY_CA_VARIABLE}"
        why = reason(error)
        return Check(False, f"{text} does not answer: {why}", remedy if "certificate" in why else "check the address")
    if answer.is_server_error:
        return Check(False, f"{text} answers {answer.status_code}", answer.text[:200])
    return Check(True, f"{text} answers")
