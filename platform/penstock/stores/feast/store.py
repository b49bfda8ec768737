"""A Feast project, opened from the keys of `feature_store.yaml`."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic import ValidationError
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from penstock.stores.feast.drivers import away_errors, bound, driver_errors, is_refusal, ping
from penstock.stores.feast.errors import FeaturesError, FeaturesRefused, FeaturesUnreachable
from penstock.stores.feast.lean import feast

_VARIABLE = re.compile(r"\$\{(\w+)\}")


def open_store(config: Mapping[str, Any]) -> feast.FeatureStore:
    """The store; `${NAME}` in a string stands for an environment variable.

    The registry is read afresh at every call: another process may just have promoted a run.

    Raises:
        FeaturesRefused: Feast does not take the configuration.
        FeaturesUnreachable: the registry does not answer.
    """
    with translated(config):
        filled = _fill(dict(config))
        filled["registry"] = {**filled["registry"], "cache_ttl_seconds": 0}
        # Feast resolves relative paths against this folder; ours are absolute.
        store = feast.FeatureStore(config=feast.RepoConfig(**filled, repo_path=tempfile.gettempdir()))
        bound(store)
        return store


def check(config: Mapping[str, Any]) -> None:
    """Open the registry and the online store.

    Raises:
        FeaturesRefused: Feast does not take the configuration.
        FeaturesUnreachable: one of them does not answer.
    """
    store = open_store(config)
    with translated(config):
        store.list_feature_services()
        ping(store)


@contextmanager
def translated(config: Mapping[str, Any]) -> Iterator[None]:
    """Let Feast's errors, and those of its stores, come out as ours."""
    project = config.get("project", "")
    try:
        yield
    except FeaturesError:
        raise
    except (ValidationError, feast.errors.FeastError, KeyError, ValueError, TypeError) as error:
        raise FeaturesRefused(f"Feast project {project!r}: {_first_line(error)}") from error
    except OperationalError as error:
        raise FeaturesUnreachable(f"Feast project {project!r}: the registry does not answer: {error.orig}") from error
    except driver_errors() as error:
        text = f"Feast project {project!r}: the online store"
        if isinstance(error, away_errors()) and not is_refusal(error):
            raise FeaturesUnreachable(f"{text} does not answer: {_first_line(error)}") from error
        raise FeaturesRefused(f"{text} refuses: {_first_line(error)}") from error
    except (SQLAlchemyError, OSError) as error:
        raise FeaturesUnreachable(f"Feast project {project!r}: {_first_line(error)}") from error


def _fill(value: Any) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: os.environ[match[1]], value)
    if isinstance(value, dict):
        return {name: _fill(inner) for name, inner in value.items()}
    return value


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
