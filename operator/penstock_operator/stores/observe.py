"""Ask a store how it is, and who still needs it."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime

from penstock.api import FINALIZER
from penstock.api.stores import StoreReason
from penstock.secrets import MissingSecret
from penstock_operator.loop.wire import entries
from penstock_operator.ports import Cluster, Object, Refused, Unreachable
from penstock_operator.references import store as store_of
from penstock_operator.stores.plan import Observed


@dataclass(frozen=True)
class Users:
    """What needs a store, and when the last of it was deleted if all of it goes."""

    names: tuple[str, ...] = ()
    leaving_since: datetime | None = None


async def ask(check: Awaitable[str | None], users: Users) -> Observed:
    """What the check found, as a reason."""

    def found(reason: StoreReason, message: str, version: str | None = None) -> Observed:
        return Observed(reason, message, version, users.names, users.leaving_since)

    try:
        version = await check
    except MissingSecret as error:
        return found(StoreReason.MISSING_REFERENCE, str(error))
    except Refused as error:
        return found(StoreReason.INVALID_CONFIG, str(error))
    except Unreachable as error:
        return found(StoreReason.UNREACHABLE, str(error))
    return found(StoreReason.READY, "The store answers", version)


async def users_of(cluster: Cluster, namespace: str, store: str, view_kind: str, output_kind: str) -> Users:
    """The views or collections on a store, and the Materializations with data in it."""
    users = [(view_kind, obj) for obj in await cluster.referring(view_kind, namespace, store_of, store)]
    for obj in await cluster.list("Materialization", namespace):
        outputs = [output for record in entries(obj, "status", "runs") for output in entries(record, "outputs")]
        if any((output.get("store"), output.get("kind")) == (store, output_kind) for output in outputs):
            users.append(("Materialization", obj))
    users = [(kind, obj) for kind, obj in users if not _done(obj)]
    deleted = [obj["metadata"].get("deletionTimestamp") for _, obj in users]
    return Users(
        tuple(f"{kind} {obj['metadata']['name']}" for kind, obj in users),
        max(datetime.fromisoformat(time) for time in deleted) if deleted and all(deleted) else None,
    )


def _done(obj: Object) -> bool:
    """Whether it is being deleted and has cleaned up: what it waits for then is not ours."""
    meta = obj["metadata"]
    return "deletionTimestamp" in meta and FINALIZER not in meta.get("finalizers", ())
