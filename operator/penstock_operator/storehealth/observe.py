"""Ask a store how it is, and who still needs it."""

from __future__ import annotations

from collections.abc import Awaitable

from penstock.api.materialization import Materialization
from penstock.api.stores import StoreReason
from penstock.secrets import MissingSecret
from penstock_operator.ports import Cluster, Refused, Unreachable
from penstock_operator.storehealth.plan import Observed


async def ask(check: Awaitable[str | None], users: tuple[str, ...]) -> Observed:
    """What the check found, as a reason."""
    try:
        version = await check
    except MissingSecret as error:
        return Observed(StoreReason.MISSING_REFERENCE, str(error), users=users)
    except Refused as error:
        return Observed(StoreReason.INVALID_CONFIG, str(error), users=users)
    except Unreachable as error:
        return Observed(StoreReason.UNREACHABLE, str(error), users=users)
    return Observed(StoreReason.READY, "The store answers", version, users)


async def users_of(cluster: Cluster, namespace: str, store: str, view_kind: str, output_kind: str) -> tuple[str, ...]:
    """The views or collections on a store, and the Materializations with data in it."""
    users = [
        f"{view_kind} {obj['metadata']['name']}"
        for obj in await cluster.list(view_kind, namespace)
        if obj["spec"]["storeRef"]["name"] == store
    ]
    for obj in await cluster.list("Materialization", namespace):
        mat = Materialization.model_validate(obj)
        outputs = [output for record in mat.status.runs for output in record.outputs]
        if any(output.store == store and output.kind == output_kind for output in outputs):
            users.append(f"Materialization {mat.metadata.name}")
    return tuple(users)
