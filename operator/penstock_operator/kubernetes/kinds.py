"""Where the Kubernetes API keeps each kind that the operator reads or writes."""

from __future__ import annotations

from typing import NamedTuple

from penstock.api import GROUP, KINDS, VERSION


class Place(NamedTuple):
    """Group, version and plural of a kind."""

    group: str
    version: str
    plural: str

    @property
    def api_version(self) -> str:
        """As an object names it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, *below: str) -> str:
        """The path of a collection, or of what is below it."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        within = f"/namespaces/{namespace}" if namespace is not None else ""
        return "/".join([f"{root}{within}/{self.plural}", *below])


PLACES: dict[str, Place] = {
    **{name: Place(GROUP, VERSION, kind.PLURAL) for name, kind in KINDS.items()},
    "Secret": Place("", "v1", "secrets"),
    "ConfigMap": Place("", "v1", "configmaps"),
    "Event": Place("", "v1", "events"),
    "Pod": Place("", "v1", "pods"),
    "Lease": Place("coordination.k8s.io", "v1", "leases"),
    "RayJob": Place("ray.io", "v1", "rayjobs"),
    "RayCluster": Place("ray.io", "v1", "rayclusters"),
}

WATCHED = (*KINDS, "RayJob")
"""The kinds that are kept in memory; without KubeRay there is no RayJob, until its definition comes."""

KEPT: dict[str, frozenset[str]] = {"RayJob": frozenset({"suspend"})}
"""Of the specs of kinds that are only followed, what is kept in memory."""
