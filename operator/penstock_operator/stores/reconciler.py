"""A store: watched while it is used, and let go when nobody needs it any more."""

from __future__ import annotations

from datetime import datetime
from typing import Generic

from penstock.api.stores import StoreReason
from penstock.secrets import MissingSecret
from penstock_operator.loop.plan import Plan
from penstock_operator.ports import Cluster, Refused, Unreachable
from penstock_operator.stores.driver import Driver, K
from penstock_operator.stores.plan import Observed, Remove, decide
from penstock_operator.stores.users import users_of


class Stores(Generic[K]):
    """Reconciles FeatureStores or VectorStores."""

    def __init__(self, cluster: Cluster, driver: Driver[K]) -> None:
        self._cluster, self._driver = cluster, driver

    async def observe(self, obj: K) -> Observed:
        """Ask the store how it is, and the cluster who needs it."""
        users = await users_of(self._cluster, obj.metadata.namespace, obj.metadata.name, self._driver)
        try:
            version = await self._driver.check(obj)
        except MissingSecret as error:
            return Observed(StoreReason.MISSING_REFERENCE, str(error), users=users)
        except Refused as error:
            return Observed(StoreReason.INVALID_CONFIG, str(error), users=users)
        except Unreachable as error:
            return Observed(StoreReason.UNREACHABLE, str(error), users=users)
        return Observed(StoreReason.READY, "The store answers", version, users)

    def plan(self, obj: K, observed: Observed, now: datetime, since: datetime) -> Plan[Remove]:
        """Show the answer; what is removed is removed in the loop's own bounded time."""
        decision = decide(obj.metadata, self._driver.possession(obj), obj.status.conditions, observed, now)
        status = self._driver.status(obj, observed.version)
        status.conditions = decision.conditions
        return Plan(
            status,
            requeue_after=decision.after,
            finalized=decision.finalized,
            notes=decision.notes,
            cleanup=decision.cleanup,
        )

    async def converge(self, obj: K, action: Remove) -> None:
        """Remove what goes with the store."""
        await self._driver.remove(obj)
