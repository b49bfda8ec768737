"""Online features of a Feast project."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import pyarrow as pa

from penstock.columns.arrow import arrow_type
from penstock.columns.table import ValueType, by_feast
from penstock.columns.values import misfit
from penstock.gateway.errors import DataGone, InvalidQuery, NotServed, Unavailable
from penstock.gateway.threads import BoundedThreads
from penstock.stores.feast.errors import FeaturesError, FeaturesRefused, FeaturesUnreachable
from penstock.stores.feast.lean import feast
from penstock.stores.feast.reader import FeastReader
from penstock.stores.feast.store import open_store, translated
from penstock.stores.ports import EVENT_TIME, OnlineReader

THREADS = 4
Entity = Mapping[str, Any]
Features = dict[str, Any]


class About(NamedTuple):
    """A view as the registry has it."""

    keys: Mapping[str, ValueType]
    features: Mapping[str, ValueType]
    ttl_seconds: float | None
    created_at: datetime | None
    """Tells a view from one of the same name that was dropped before it."""


class Project:
    """A Feast project. Each thread has a Feast store of its own: Feast's connections are not made for sharing."""

    def __init__(self, config: Mapping[str, Any], waiting: int) -> None:
        self._config = config
        self._local = threading.local()
        self.threads = BoundedThreads(f"Feast project {config['project']}", THREADS, waiting)

    def about(self, view: str) -> About:
        """What the registry says of a view, in a thread that has not asked yet.

        Raises:
            FeaturesError: the registry does not answer or has no such view.
        """
        with translated(self._config):
            found = self._store(view, None).get_feature_view(view, allow_registry_cache=True)
            keys = {column.name: _type_of(view, column) for column in found.entity_columns}
            features = {column.name: _type_of(view, column) for column in found.features}
            return About(keys, features, found.ttl.total_seconds() if found.ttl else None, found.created_timestamp)

    def read(
        self, view: str, about: About, entities: Sequence[Entity], features: Sequence[str]
    ) -> list[Features | None]:
        """The features of each entity; None for an entity that has none, or whose features have outlived their TTL.

        Raises:
            Unavailable: the store does not answer.
        """
        try:
            try:
                return self._read(view, about, entities, features)
            except FeaturesUnreachable:
                # A server that was started again does not know the connections of before.
                return self._read(view, about, entities, features)
        except FeaturesError as error:
            raise Unavailable(str(error)) from error

    def _read(
        self, view: str, about: About, entities: Sequence[Entity], features: Sequence[str]
    ) -> list[Features | None]:
        try:
            with translated(self._config):
                store = self._store(view, about.created_at)
            reader: OnlineReader = FeastReader(store, view, about.features, about.ttl_seconds)
            found = reader.read(_keys(entities, about.keys), features)
            there = found.column(EVENT_TIME).is_valid().to_pylist()
            rows = found.select(list(features)).to_pylist()
            return [row if known else None for row, known in zip(rows, there, strict=True)]
        except FeaturesError:
            # Its connection may be broken, or stand in a transaction that failed.
            self._local.__dict__.pop("store", None)
            raise

    def _store(self, view: str, created_at: datetime | None) -> feast.FeatureStore:
        """The store of this thread, with the view that was created then in its copy of the registry."""
        local = self._local
        if not hasattr(local, "store"):
            local.store, local.registered = open_store(self._config), set[tuple[str, datetime | None]]()
        if (view, created_at) not in local.registered:
            local.store.refresh_registry()
            local.registered.add((view, created_at))
        store: feast.FeatureStore = local.store
        return store


@dataclass(frozen=True)
class View:
    """The features of one run under the name of a FeatureView."""

    name: str
    physical: str
    project: Project
    about: About
    witnesses: Sequence[Entity] = ()
    """Entities that the run wrote; where the store knows none of them, the run's data is gone."""

    @property
    def keys(self) -> Mapping[str, ValueType]:
        """The join keys and their types."""
        return self.about.keys

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features."""
        return tuple(self.about.features)

    async def read(self, entities: Sequence[Entity], features: Sequence[str] | None = None) -> list[Features | None]:
        """The features of each entity; None for an entity that has none.

        Raises:
            InvalidQuery: a key is missing, unknown or of another type.
            NotServed: there is no such feature.
            DataGone: the store has nothing of the run any more.
            Unavailable: the store does not answer.
        """
        for number, entity in enumerate(entities):
            self._check(number, entity)
        for feature in features or ():
            if feature not in self.features:
                raise NotServed(f"View {self.name!r} has no feature {feature!r}: it has {', '.join(self.features)}")
        wanted = tuple(dict.fromkeys(features)) if features else self.features
        try:
            rows = await self.project.threads.run(self.project.read, self.physical, self.about, entities, wanted)
            if self.witnesses and all(row is None for row in rows):
                await self._prove(wanted)
        except Unavailable as error:
            raise type(error)(f"View {self.name!r}: {error}") from error
        return rows

    async def _prove(self, wanted: Sequence[str]) -> None:
        """See that it is the entities that are unknown."""
        ageless = self.about._replace(ttl_seconds=None)
        rows = await self.project.threads.run(self.project.read, self.physical, ageless, self.witnesses, wanted)
        if all(row is None for row in rows):
            raise DataGone(f"the store has nothing of {self.physical!r} any more")

    def _check(self, number: int, entity: Entity) -> None:
        where, keys = f"entities[{number}]", ", ".join(self.keys)
        for key, type_ in self.keys.items():
            if key not in entity:
                raise InvalidQuery(f"{where} lacks the key {key!r}: view {self.name!r} is keyed by {keys}")
            if wrong := misfit(entity[key], type_):
                raise InvalidQuery(f"{where}.{key} {wrong}")
        if unknown := sorted(set(entity) - set(self.keys)):
            raise InvalidQuery(f"{where} has the unknown key {unknown[0]!r}: view {self.name!r} is keyed by {keys}")


def _keys(entities: Sequence[Entity], types: Mapping[str, ValueType]) -> pa.RecordBatch:
    columns = {
        name: pa.array([entity[name] for entity in entities], arrow_type(type_)) for name, type_ in types.items()
    }
    return pa.RecordBatch.from_pydict(columns)


def _type_of(view: str, column: Any) -> ValueType:
    type_ = by_feast(str(column.dtype))
    if type_ is None:
        raise FeaturesRefused(f"View {view!r}: {column.name!r} is of the type {column.dtype}, which Penstock has not")
    return type_
