"""What the user of a kubeconfig may do, as the API server sees it."""

from __future__ import annotations

from typing import NamedTuple

from penstock.api import GROUP, KINDS
from penstock.cli.check import Check
from penstock.client import AsyncClient
from penstock.client.errors import PenstockError
from penstock.client.installation import CONFIG_MAP, system_namespace
from penstock.client.proxy import Service

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class Right(NamedTuple):
    """A verb on a resource; what needs it."""

    verb: str
    group: str
    resource: str
    namespace: str
    name: str = ""
    subresource: str = ""

    def __str__(self) -> str:
        sub = f"/{self.subresource}" if self.subresource else ""
        return f"{self.verb} {self.resource}{sub}{f' {self.name}' if self.name else ''}"


async def rights(client: AsyncClient, ray: Service | None, gateway: Service) -> list[Check]:
    """A check for each thing that a user does, with the rights that it takes.

    Args:
        client: as the user.
        ray: the installation's Ray; None where each attempt has one of its own, in its namespace.
        gateway: the gateway's Service.
    """
    space, system = client.namespace, system_namespace()
    kinds = [kind.PLURAL for kind in KINDS.values()]
    look = [Right(verb, GROUP, plural, space) for plural in kinds for verb in ("get", "list", "watch")]
    change = [
        Right(verb, GROUP, kind.PLURAL, space)
        for kind in KINDS.values()
        for verb in (("delete",) if kind.MANAGED else ("create", "patch", "delete"))
    ]
    code = [Right("get", "", "configmaps", system, CONFIG_MAP)]
    name = ray.resource if ray is not None else ""
    logs = [Right("get", "", "services", ray.namespace if ray is not None else space, name, "proxy")]
    if ray is None:
        # A Ray that KubeRay makes has a token of its own, in a Secret beside it.
        logs += [Right("list", "ray.io", "rayjobs", space), Right("get", "", "secrets", space)]
    ask = [
        Right("get", GROUP, "materializations", space, subresource="query"),
        Right("create", "", "services", gateway.namespace, gateway.resource, "proxy"),
    ]
    return [
        await _check(client, f"look at resources in namespace {space!r}", look, "bind ClusterRole penstock-viewer"),
        await _check(client, f"change resources in namespace {space!r}", change, "bind ClusterRole penstock-editor"),
        await _check(client, "upload code", code, f"let the user get ConfigMap {CONFIG_MAP} in namespace {system!r}"),
        await _check(client, "read logs from Ray", logs, f"grant it in namespace {logs[0].namespace!r}"),
        await _check(
            client, "query the gateway through the API server", ask, "grant it, or set PENSTOCK_GATEWAY to its address"
        ),
    ]


async def _check(client: AsyncClient, what: str, needed: list[Right], remedy: str) -> Check:
    try:
        lacking = [right for right in needed if not await _may(client, right)]
    except PenstockError as error:
        return Check(False, f"Whether you may {what} cannot be found out", str(error))
    if not lacking:
        return Check(True, f"You may {what}")
    more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
    listed = ", ".join(map(str, lacking[:3]))
    return Check(False, f"You may not {what} (lacking: {listed}{more})", remedy)


async def _may(client: AsyncClient, right: Right) -> bool:
    attributes = {key: value for key, value in right._asdict().items() if value or key == "group"}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = await client.post_json(REVIEWS, review)
    return bool((answer.get("status") or {}).get("allowed"))
