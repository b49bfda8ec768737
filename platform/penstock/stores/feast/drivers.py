"""Online stores: whether one that is a server answers, and what the errors of their drivers mean.

Feast lets these errors through as they are, and has no call that only asks.
"""

from __future__ import annotations

import sys
from typing import Any

from penstock.stores.feast.lean import feast

Errors = tuple[type[Exception], ...]
CONNECT_SECONDS, ANSWER_SECONDS = 3.0, 10.0
"""How long a Redis may be silent, where `connection_string` says nothing of `socket_connect_timeout` and its like."""


def bound(store: feast.FeatureStore) -> None:
    """Let a Redis that is away be said to be soon.

    Its client would wait for a silent one without end, and for seconds between tries of its own; who asks tries again
    anyway, or tells.
    """
    config = store.config.online_store
    # A cluster is connected to as soon as there is a client of it.
    if config.type != "redis" or config.redis_type == "redis_cluster":
        return
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    online: Any = store._get_provider().online_store
    client = online._get_client(config)
    if not isinstance(client, Redis):
        return
    # One try at once: a server that was started again closed the connections of before.
    client.set_retry(Retry(NoBackoff(), 1))
    known = client.connection_pool.connection_kwargs
    for name, seconds in (("socket_connect_timeout", CONNECT_SECONDS), ("socket_timeout", ANSWER_SECONDS)):
        if known.get(name) is None:
            known[name] = seconds


def ping(store: feast.FeatureStore) -> None:
    """Ask a Redis or PostgreSQL online store for a sign of life; others are files, or answer when they are used."""
    online: Any = store._get_provider().online_store
    config = store.config
    if config.online_store.type == "redis":
        online._get_client(config.online_store).ping()
    elif config.online_store.type == "postgres":
        with online._get_conn(config, autocommit=True) as connection:
            connection.execute("SELECT 1")


def away_errors() -> Errors:
    """What the drivers that are loaded raise when a server does not answer."""
    return _errors(
        ("redis.exceptions", ("ConnectionError", "TimeoutError")),
        ("psycopg", ("OperationalError", "InterfaceError")),
        ("psycopg_pool", ("PoolTimeout", "PoolClosed")),
        ("sqlite3", ("OperationalError",)),
    )


def driver_errors() -> Errors:
    """All that the drivers that are loaded raise."""
    return _errors(("redis.exceptions", ("RedisError",)), ("psycopg", ("Error",)), ("sqlite3", ("Error",)))


def is_refusal(error: Exception) -> bool:
    """Whether a server that answers will not let us in, though its driver says that it cannot connect."""
    sqlstate = str(getattr(error, "sqlstate", None) or "")
    denied = ("password authentication failed", "does not exist", "no pg_hba.conf entry")
    return (
        isinstance(error, _errors(("redis.exceptions", ("AuthenticationError",))))
        or sqlstate.startswith(("28", "3D"))
        or any(text in str(error) for text in denied)
    )


def _errors(*named: tuple[str, tuple[str, ...]]) -> Errors:
    """Of modules that were imported: what was not cannot have raised anything."""
    loaded = [(sys.modules[module], names) for module, names in named if module in sys.modules]
    return tuple(getattr(module, name) for module, names in loaded for name in names)
