"""Online features of a Feast project."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from penstock.gateway.errors import DataGone, InvalidQuery, NotServed, Unavailable
from penstock.gateway.workers import Workers
from penstock.stores.feast.errors import FeaturesError, FeaturesUnreachable
from penstock.stores.feast.lean import feast
from penstock.stores.feast.rows import read_rows
from penstock.stores.feast.store import open_store, translated

THREADS = 4
Entity = Mapping[str, Any]
Features = dict[str, Any]


class About(NamedTuple):
    """A view as the registry has it."""

    keys: Mapping[str, type]
    features: tuple[str, ...]
    ttl_seconds: float | None
    made: datetime | None
    """Tells a view from one of the same name that was dropped before it."""


class Project:
    """A Feast project. Each thread has a Feast store of its own: Feast's connections are not made for sharing."""

    def __init__(self, config: Mapping[str, Any], waiting: int) -> None:
        self._config = config
        self._local = threading.local()
        self.workers = Workers(f"Feast project {config['project']}", THREADS, waiting)

    def about(self, view: str) -> About:
        """What the registry says of a view, in a thread that has not asked yet.

        Raises:
            FeaturesError: the registry does not answer or has no such view.
        """
        with translated(self._config):
            found = self._store(view, None).get_feature_view(view, allow_registry_cache=True)
            keys = {column.name: _python_type(column.dtype) for column in found.entity_columns}
            features = tuple(feature.name for feature in found.features)
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
                return read_rows(self._store(view, about.made), view, entities, features, about.ttl_seconds)
        except FeaturesError:
            # Its connection may be broken, or stand in a transaction that failed.
            self._local.__dict__.pop("store", None)
            raise

    def _store(self, view: str, made: datetime | None) -> feast.FeatureStore:
        """The store of this thread, with the view that was made then in its copy of the registry."""
        local = self._local
        if not hasattr(local, "store"):
            local.store, local.known = open_store(self._config), set[tuple[str, datetime | None]]()
        if (view, made) not in local.known:
            local.store.refresh_registry()
            local.known.add((view, made))
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
    def keys(self) -> Mapping[str, type]:
        """The join keys and their Python types."""
        return self.about.keys

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features."""
        return self.about.features

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
            rows = await self.project.workers.run(self.project.read, self.physical, self.about, entities, wanted)
            if self.witnesses and all(row is None for row in rows):
                await self._prove(wanted)
        except Unavailable as error:
            raise type(error)(f"View {self.name!r}: {error}") from error
        return rows

    async def _prove(self, wanted: Sequence[str]) -> None:
        """See that it is the entities that are unknown."""
        ageless = self.about._replace(ttl_seconds=None)
        rows = await self.project.workers.run(self.project.read, self.physical, ageless, self.witnesses, wanted)
        if all(row is None for row in rows):
            raise DataGone(f"the store has nothing of {self.physical!r} any more")

    def _check(self, number: int, entity: Entity) -> None:
        where, keys = f"entities[{number}]", ", ".join(self.keys)
        for key, type_ in self.keys.items():
            if key not in entity:
                raise InvalidQuery(f"{where} lacks the key {key!r}: view {self.name!r} is keyed by {keys}")
            value = entity[key]
            fits = isinstance(value, type_) or (type_ is float and isinstance(value, int))
            if not fits or (isinstance(value, bool) and type_ is not bool):
                raise InvalidQuery(f"{where}.{key} is {value!r}: {type_.__name__} is needed")
            if type_ is int and not -(2**63) <= value < 2**63:
                raise InvalidQuery(f"{where}.{key} is {value}: no key of 64 bits is so large")
        if unknown := sorted(set(entity) - set(self.keys)):
            raise InvalidQuery(f"{where} has the unknown key {unknown[0]!r}: view {self.name!r} is keyed by {keys}")


def _python_type(dtype: Any) -> type:
    name = str(dtype)
    if name.startswith("Int"):
        return int
    if name.startswith("Float"):
        return float
    return bool if name == "Bool" else str
