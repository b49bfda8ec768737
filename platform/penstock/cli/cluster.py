"""The checks of `penstock doctor` on a cluster, in the order in which to mend what fails."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import anyio

from penstock.api import GROUP, KINDS, VERSION, FeatureStore, VectorStore
from penstock.cli.check import Check
from penstock.cli.rights import rights
from penstock.cli.services import answers, gateway, gateway_at
from penstock.client import AsyncClient
from penstock.client.config import Address
from penstock.client.errors import ConfigError, Forbidden, NotFound, PenstockError
from penstock.client.installation import CONFIG_MAP, gateway_service, read_installation, system_namespace
from penstock.client.proxy import Service, service_of
from penstock.crds import crd
from penstock.crds.definition import openapi
from penstock.rundir import storage
from penstock.rundir.digests import digest_json
from penstock.rundir.errors import StoreError

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
LEASE = "penstock-operator"
RAY_JOBS = "/apis/ray.io/v1"
UPGRADE = "bring client and cluster to one version: `penstock version`, `helm upgrade`"


async def cluster_checks(client: AsyncClient, address: Address | None) -> list[Check]:
    """Whether the cluster has what Penstock needs, and this user the rights.

    Args:
        client: as the user.
        address: of the gateway, where one is named for this machine.
    """
    installation, unknown = {}, []
    try:
        installation = await read_installation(client)
    except ConfigError as error:
        unknown = [Check(False, f"ConfigMap {CONFIG_MAP}", str(error))]
    service, asked = _ray_service(installation), gateway_service(installation)
    found = [await definitions(client), *await rights(client, service, asked), await operator(client), *unknown]
    if not unknown:
        found += [await ray(client, installation, service), await artifacts(installation)]
    found += [*await stores(client), *await gateway(client, asked)]
    return [*found, await gateway_at(address)] if address is not None else found


async def definitions(client: AsyncClient) -> Check:
    """Whether the cluster's definitions are those of this version."""
    differing = []
    for name, kind in KINDS.items():
        try:
            found = await client.get_json(f"{DEFINITIONS}/{kind.PLURAL}.{GROUP}")
        except Forbidden:
            return Check(True, "The definitions are not compared: you may not read them")
        except PenstockError as error:
            return Check(False, f"The definition of {name}", str(error))
        served = {version["name"]: version for version in found["spec"]["versions"]}
        if VERSION not in served or digest_json(openapi(found)) != digest_json(openapi(crd(kind))):
            differing.append(name)
    if differing:
        return Check(False, f"The definitions of {', '.join(differing)} are of another version than this", UPGRADE)
    return Check(True, f"The definitions of the {len(KINDS)} kinds are those of this version")


async def operator(client: AsyncClient, now: datetime | None = None) -> Check:
    """Whether an operator leads: its Lease is renewed."""
    space = system_namespace()
    where = f"Lease {LEASE} in namespace {space!r}"
    remedy = f"kubectl -n {space} get pods -l app.kubernetes.io/component=operator, and read their logs"
    try:
        lease = await client.get_json(f"/apis/coordination.k8s.io/v1/namespaces/{space}/leases/{LEASE}")
    except NotFound:
        return Check(False, f"No operator runs: there is no {where}", "helm install penstock, or set its namespace")
    except Forbidden:
        return Check(True, f"Whether an operator leads is not checked: you may not read {where}")
    except PenstockError as error:
        return Check(False, where, str(error))
    spec = lease.get("spec") or {}
    holder, renewed = spec.get("holderIdentity"), spec.get("renewTime")
    if not holder or not renewed:
        return Check(False, "No operator leads", remedy)
    age = ((now or datetime.now(UTC)) - datetime.fromisoformat(renewed)).total_seconds()
    if age > 2 * int(spec.get("leaseDurationSeconds") or 15):
        return Check(False, f"Operator {holder} has not renewed {where} for {age:.0f} s", remedy)
    return Check(True, f"Operator {holder} leads")


def _ray_address(installation: dict[str, Any]) -> str:
    return str(((installation.get("ray") or {}).get("rayCluster") or {}).get("address") or "")


def _ray_service(installation: dict[str, Any]) -> Service | None:
    return service_of(_ray_address(installation), system_namespace())


async def ray(client: AsyncClient, installation: dict[str, Any], service: Service | None) -> Check:
    """Whether the installation's Ray answers, or KubeRay is there."""
    if "kubeRay" in (installation.get("ray") or {}):
        try:
            await client.get_json(RAY_JOBS)
        except NotFound:
            return Check(False, "KubeRay is not installed", "install its operator, or set ray.rayCluster.address")
        except PenstockError as error:
            return Check(False, "KubeRay", str(error))
        return Check(True, "KubeRay's kinds are served")
    if service is None:
        return Check(True, f"Ray at {_ray_address(installation)} is not checked: it is no Service of this cluster")
    return await answers(client, "Ray", service, "/api/version")


async def stores(client: AsyncClient) -> list[Check]:
    """The stores of the namespace, as the operator last found them."""
    found = []
    for kind in (FeatureStore, VectorStore):
        try:
            documents = await client.documents(kind)
        except PenstockError as error:
            found.append(Check(False, f"The {kind.PLURAL} of namespace {client.namespace!r}", str(error)))
            continue
        found += [_store(kind.__name__, document) for document in documents]
    return found


def _store(kind: str, document: dict[str, Any]) -> Check:
    text = f"{kind} {document['metadata']['name']!r}"
    conditions = (document.get("status") or {}).get("conditions") or ()
    ready = next((one for one in conditions if one.get("type") == "Ready"), None)
    if ready is None:
        return Check(False, f"{text} was not looked at yet", "check that an operator leads")
    if ready["status"] != "True":
        return Check(False, f"{text} is not ready ({ready['reason']})", str(ready.get("message") or ""))
    return Check(True, f"{text} is ready")


async def artifacts(installation: dict[str, Any]) -> Check:
    """Whether this user can put code into the artifact store."""
    uri = str(installation.get("artifacts") or "")
    if "://" not in uri:
        return Check(False, f"The installation does not say where artifacts are ({uri!r} is no URI)", UPGRADE)
    if uri.startswith("file://"):
        return Check(True, f"Artifacts at {uri} are on a volume: code goes there by ConfigMaps")
    probe = storage.join(uri, "sources", f".doctor-{uuid.uuid4().hex}")

    def write() -> None:
        storage.replace(probe, b"")
        storage.delete_tree(probe)

    try:
        await anyio.to_thread.run_sync(write)
    except StoreError as error:
        return Check(False, f"Artifacts at {uri} cannot be written from here", str(error))
    except ImportError as error:
        return Check(False, f"Artifacts at {uri} need {error.name}", "pip install 'penstock[data]'")
    return Check(True, f"Artifacts at {uri} can be written")
