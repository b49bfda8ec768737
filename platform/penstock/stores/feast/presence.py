"""Whether the rows of a view are in the online store, told without a search."""

from __future__ import annotations

from typing import Any

from penstock.stores.feast.lean import feast


def has_rows(store: feast.FeatureStore, view: Any) -> bool:
    """Whether the online store holds rows of a view; of a kind of store that is not known here, it is assumed."""
    online, config = store._get_provider().online_store, store.config
    match config.online_store.type:
        case "redis":
            return bool(online._get_client(config.online_store).exists(_mark(store, view.name)))
        case "postgres":
            with online._get_conn(config, autocommit=True) as connection:
                return _any_in_postgres(connection, _table(store, view))
        case "sqlite":
            return _any_in_sqlite(online._get_conn(config), _table(store, view))
        case _:
            return True


def remember_rows(store: feast.FeatureStore, view: str) -> None:
    """Note that rows of a view were written, beside them, where only a search would find them: it goes as they do."""
    if store.config.online_store.type == "redis":
        _redis(store).set(_mark(store, view), 1)


def forget_rows(store: feast.FeatureStore, view: str) -> None:
    """Take the note away."""
    if store.config.online_store.type == "redis":
        _redis(store).delete(_mark(store, view))


def _redis(store: feast.FeatureStore) -> Any:
    return store._get_provider().online_store._get_client(store.config.online_store)


def _mark(store: feast.FeatureStore, view: str) -> str:
    """A key that Feast never searches for: its own begin with the names of the join keys, and end with the project."""
    return f"penstock:{store.project}:{view}:rows"


def _table(store: feast.FeatureStore, view: Any) -> str:
    from feast.infra.online_stores.helpers import compute_table_id

    return str(compute_table_id(store.project, view, store.config.registry.enable_online_feature_view_versioning))


def _any_in_postgres(connection: Any, table: str) -> bool:
    from psycopg import sql

    name = sql.Identifier(table)
    (known,) = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (name.as_string(connection),)).fetchone()
    return bool(known and connection.execute(sql.SQL("SELECT EXISTS (SELECT 1 FROM {})").format(name)).fetchone()[0])


def _any_in_sqlite(connection: Any, table: str) -> bool:
    known = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    if connection.execute(known, (table,)).fetchone() is None:
        return False
    quoted = table.replace('"', '""')
    return connection.execute(f'SELECT 1 FROM "{quoted}" LIMIT 1').fetchone() is not None  # noqa: S608 - quoted
