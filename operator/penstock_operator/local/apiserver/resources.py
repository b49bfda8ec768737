"""The kinds that the embedded API serves, and their discovery documents."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from penstock.api import GROUP, KINDS, VERSION, Resource
from penstock.crds import crd
from penstock.crds.admission import Gatekeeper
from penstock.crds.validate import Validator

VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]


@dataclass(frozen=True)
class ServedKind:
    """A kind and how it is spelled."""

    kind: str
    plural: str
    group: str
    version: str
    short: tuple[str, ...] = ()
    namespaced: bool = True
    model: type[Resource] | None = None
    """None for a core kind, whose objects are taken as they are."""
    own_columns: tuple[dict[str, Any], ...] = ()
    """The printer columns of a core kind, but for its age; `count` asks how many a value has."""

    @property
    def api_version(self) -> str:
        """The apiVersion of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @cached_property
    def definition(self) -> dict[str, Any] | None:
        """Its CustomResourceDefinition; None for a core kind."""
        return crd(self.model) if self.model is not None else None

    @cached_property
    def validator(self) -> Validator | None:
        """The checks of its objects; None for a core kind."""
        return Validator(self.definition) if self.definition is not None else None

    @cached_property
    def gatekeeper(self) -> Gatekeeper | None:
        """The rules of what users may do with its objects; None for a core kind."""
        return Gatekeeper(self.model) if self.model is not None else None

    @property
    def columns(self) -> list[dict[str, Any]]:
        """The printer columns after the name."""
        if self.definition is None:
            return [*self.own_columns, {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]
        columns: list[dict[str, Any]] = self.definition["spec"]["versions"][0]["additionalPrinterColumns"]
        return columns


_DATA = {"name": "Data", "type": "integer", "jsonPath": ".data", "count": True}
CORE = (
    ServedKind(
        "Secret", "secrets", "", "v1", own_columns=({"name": "Type", "type": "string", "jsonPath": ".type"}, _DATA)
    ),
    ServedKind("ConfigMap", "configmaps", "", "v1", ("cm",), own_columns=(_DATA,)),
    ServedKind("Event", "events", "", "v1", ("ev",)),
    ServedKind("Namespace", "namespaces", "", "v1", ("ns",), namespaced=False),
)
_HOLDER = {"name": "Holder", "type": "string", "jsonPath": ".spec.holderIdentity"}
COORDINATION = (ServedKind("Lease", "leases", "coordination.k8s.io", "v1", own_columns=(_HOLDER,)),)
"""What a gateway says of itself stands in a Lease, here as in a cluster."""
PENSTOCK = tuple(ServedKind(name, kind.PLURAL, GROUP, VERSION, kind.SHORT, model=kind) for name, kind in KINDS.items())
SERVED = {(kind.group, kind.version, kind.plural): kind for kind in (*CORE, *COORDINATION, *PENSTOCK)}
BY_KIND = {kind.kind: kind for kind in SERVED.values()}


def versions() -> dict[str, Any]:
    """`/api`."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def groups() -> dict[str, Any]:
    """`/apis`."""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group(PENSTOCK[0]), group(COORDINATION[0])]}


def group(kind: ServedKind) -> dict[str, Any]:
    """The document of a kind's group, such as `/apis/penstock.dev`."""
    version = {"groupVersion": kind.api_version, "version": kind.version}
    return {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": kind.group,
        "versions": [version],
        "preferredVersion": version,
    }


def resource_list(kinds: tuple[ServedKind, ...]) -> dict[str, Any]:
    """`/api/v1` or `/apis/penstock.dev/v1alpha1`."""
    resources: list[dict[str, Any]] = []
    for kind in kinds:
        entry = {
            "name": kind.plural,
            "singularName": kind.kind.lower(),
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": VERBS,
            "shortNames": list(kind.short),
        }
        if kind.definition is not None:
            status = {**entry, "name": f"{kind.plural}/status", "verbs": ["get", "patch", "update"], "shortNames": []}
            entry["categories"] = kind.definition["spec"]["names"]["categories"]
            resources += [entry, status]
        else:
            resources.append(entry)
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": kinds[0].api_version,
        "resources": resources,
    }
