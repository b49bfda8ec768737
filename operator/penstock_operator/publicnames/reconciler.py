"""A public name in a store: it follows the pointer of what feeds it, and leaves with its resource."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Generic

from penstock.api.materialization import Active, Materialization
from penstock.api.stagedrun import StagedRun
from penstock.naming import identifier
from penstock.secrets import MissingSecret
from penstock_operator.loop.parse import InvalidObject, parse
from penstock_operator.loop.plan import Plan
from penstock_operator.loop.wire import entries
from penstock_operator.ports import Cluster, Object, Refused, Unreachable
from penstock_operator.publicnames.driver import Driver, K, Reached
from penstock_operator.publicnames.feeders import feeders_of, holder
from penstock_operator.publicnames.plan import Name, Observed, Point, Pointed, Release, decide, pointer_of
from penstock_operator.target import shape_digest


class PublicNames(Generic[K, Reached]):
    """Reconciles FeatureViews or VectorCollections."""

    def __init__(self, cluster: Cluster, driver: Driver[K, Reached]) -> None:
        self._cluster, self._driver = cluster, driver

    async def observe(self, obj: K) -> Observed:
        """The pointer, what was staged for it, and the public name as it is."""
        driver, namespace, name = self._driver, obj.metadata.namespace, obj.metadata.name
        feeder = holder(await feeders_of(self._cluster, namespace, name, driver.targets))
        seen = Observed(
            feeder=feeder.metadata.name if feeder is not None else "",
            pointed=await self._pointed(obj, feeder),
            own=frozenset(
                physical
                for run in await self._cluster.referring("StagedRun", namespace, driver.targets, name)
                for physical in self._staged(run, name)
            ),
        )
        store = await self._store(obj)
        if store is None:
            return replace(seen, store_exists=False)
        try:
            current = await driver.current(await driver.reach(store), identifier(name))
        except (Unreachable, Refused, MissingSecret) as error:
            return replace(seen, store_problem=str(error))
        known = current is None or current in seen.own or current == driver.stands_for(obj)
        other = "" if known else await self._other(obj, current)
        return replace(seen, current=current, other=other)

    def plan(self, obj: K, observed: Observed, now: datetime, since: datetime) -> Plan[Point | Release]:
        """Follow the pointer; what is removed is removed in the loop's own bounded time."""
        driver, spec = self._driver, obj.spec
        before = driver.stands_for(obj)
        name = Name(obj.metadata, driver.noun, f"{driver.store} {spec.store_ref.name!r}", before, spec.deletion_policy)
        decision = decide(name, obj.status.conditions, observed, now)
        if decision.served is not None:
            status = driver.status(obj, decision.served.physical, decision.served.run)
        else:
            gone = (observed.current is None and observed.store_exists and not observed.store_problem) or observed.other
            status = driver.status(obj, None if gone else before, None if gone else obj.status.run)
        status.conditions = decision.conditions
        return Plan(
            status,
            decision.actions,
            decision.after,
            finalized=decision.finalized,
            notes=decision.notes,
            cleanup=decision.cleanup,
        )

    async def converge(self, obj: K, action: Point | Release) -> None:
        """Move or remove the public name; one that stands for something else by now is not removed."""
        store = await self._store(obj)
        if store is None:
            return
        driver, public = self._driver, identifier(obj.metadata.name)
        reached = await driver.reach(store)
        match action:
            case Point(physical):
                await driver.point(reached, public, physical)
            case Release(_, physicals):
                for physical in physicals:
                    await driver.release(reached, public, physical)

    async def _store(self, obj: K) -> Object | None:
        return await self._cluster.get(self._driver.store, obj.metadata.namespace, obj.spec.store_ref.name)

    async def _pointed(self, obj: K, feeder: Materialization | None) -> Pointed | None:
        pointed = pointer_of(feeder, obj.metadata.name, self._driver.output)
        if pointed is None or feeder is None or feeder.status.active is None:
            return None
        return replace(pointed, outdated=await self._outdated(obj, feeder.status.active))

    async def _outdated(self, obj: K, active: Active) -> bool:
        """Whether the resource has changed since the run was staged for it, as far as that is known."""
        ref = active.staged_run_ref
        found = await self._cluster.get("StagedRun", obj.metadata.namespace, ref.name)
        if found is None or found["metadata"]["uid"] != ref.uid:
            return False
        try:
            shape = self._driver.staged_shape(parse(StagedRun, found).spec, obj.metadata.name)
        except InvalidObject:
            return False
        return shape is not None and shape_digest(shape) != shape_digest(obj.spec)

    async def _other(self, obj: K, current: str | None) -> str:
        """The object of another namespace, as namespace/name, for which the data behind the public name was staged."""
        name = obj.metadata.name
        for run in await self._cluster.referring("StagedRun", None, self._driver.targets, name):
            if current in self._staged(run, name):
                return f"{run['metadata'].get('namespace', '')}/{name}"
        return ""

    def _staged(self, run: Object, name: str) -> Sequence[Any]:
        """What a StagedRun has, or may have, in the stores for a resource."""
        return [
            output.get("physical")
            for output in entries(run, "status", "outputs")
            if (output.get("kind"), output.get("resource")) == (self._driver.output, name)
        ]
