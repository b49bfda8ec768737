"""Whose a public name in a store is, when several objects want it: those of other namespaces share the stores."""

from __future__ import annotations

from penstock.api.meta import ObjectMeta
from penstock.naming import identifier
from penstock_operator.ports import Cluster


async def holder_of(cluster: Cluster, kind: str, field: str, meta: ObjectMeta, current: str | None) -> str:
    """The other object of this kind, as namespace/name, whose status says that the name stands for its run; or nothing.

    Args:
        cluster: the objects.
        kind: of the object that asks.
        field: of the status that says what the public name stands for.
        meta: of the object that asks.
        current: what the public name stands for in the store.
    """
    if current is None:
        return ""
    for other in await cluster.list(kind):
        namespace, name = other["metadata"].get("namespace", ""), other["metadata"]["name"]
        if (namespace, name) == (meta.namespace, meta.name) or identifier(name) != identifier(meta.name):
            continue
        if (other.get("status") or {}).get(field) == current:
            return f"{namespace}/{name}"
    return ""
