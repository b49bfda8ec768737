"""From a FeatureStore to the `feature_store.yaml` that Feast reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from penstock.api.meta import SecretKeyRef
from penstock.api.stores import FeastComponent, FeatureStore
from penstock.installation import Installation

ENTITY_KEY_VERSION = 3


def feast_config(
    store: FeatureStore, installation: Installation, secret: Callable[[SecretKeyRef], str]
) -> dict[str, Any]:
    """The keys of `feature_store.yaml`: the store's own sections, or the installation's.

    Args:
        store: the resource.
        installation: what is used where the resource names nothing.
        secret: gives the value, or a placeholder, for a reference to a Secret.

    Raises:
        ValueError: neither the resource nor the installation says where.
    """
    spec = store.spec
    return {
        "project": spec.project,
        "provider": "local",
        "registry": _section("registry", spec.registry, "registry_type", installation.feast_registry, secret),
        "online_store": _section("onlineStore", spec.online_store, "type", installation.feast_online_store, secret),
        "offline_store": {"type": "file"},
        "entity_key_serialization_version": ENTITY_KEY_VERSION,
    }


def feature_store_refs(store: FeatureStore) -> list[SecretKeyRef]:
    """The Secrets that a FeatureStore names."""
    parts = [part for part in (store.spec.online_store, store.spec.registry) if part is not None]
    return [option.secret_key_ref for part in parts for option in part.options if option.secret_key_ref is not None]


def _section(
    field: str,
    component: FeastComponent | None,
    type_key: str,
    default: dict[str, Any] | None,
    secret: Callable[[SecretKeyRef], str],
) -> dict[str, Any]:
    if component is None:
        if default is None:
            raise ValueError(f"spec.{field} is unset and this installation has no default: set it")
        return dict(default)
    section: dict[str, Any] = {type_key: component.type}
    for option in component.options:
        section[option.name] = (
            secret(option.secret_key_ref) if option.secret_key_ref is not None else yaml.safe_load(option.value or "")
        )
    return section
