"""Feature views of runs, when nobody stages any more: whether they are there, and their end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.stores.feast.errors import FeaturesRefused
from penstock.stores.feast.lean import feast
from penstock.stores.feast.ours import is_ours
from penstock.stores.feast.presence import forget_rows, has_rows
from penstock.stores.feast.store import open_store, translated
from penstock.stores.feast.views import find_view


def has_view(config: Mapping[str, Any], view: str) -> bool:
    """Whether a view is registered, and its rows are in the online store as far as that can be told cheaply."""
    store = open_store(config)
    with translated(config):
        found = find_view(store, view)
        return found is not None and has_rows(store, found)


def drop_view(config: Mapping[str, Any], view: str) -> None:
    """Remove a view, its online data and its offline source; one that is gone is fine.

    Feast removes a view that a feature service names without a word, and the service then fails whoever asks it.

    Raises:
        FeaturesRefused: a feature service names it.
    """
    store = open_store(config)
    with translated(config):
        if (found := find_view(store, view)) is None:
            return
        for service in store.list_feature_services():
            if view in [projection.name for projection in service.feature_view_projections]:
                raise FeaturesRefused(f"View {view!r} is not dropped: feature service {service.name!r} names it")
        store.apply([], objects_to_delete=[found, *_sources(store, found)], partial=False)
        forget_rows(store, view)


def _sources(store: feast.FeatureStore, view: Any) -> list[Any]:
    """The source that was registered with the view, unless somebody uses it for a view of theirs."""
    used = {source_name(other) for other in store.list_all_feature_views() if other.name != view.name}
    found = [source for source in store.list_data_sources() if source.name == source_name(view)]
    return [source for source in found if is_ours(source) and source.name not in used]


def source_name(view: Any) -> str | None:
    """The name of the data source that a view of any kind reads."""
    return getattr(getattr(view, "batch_source", None), "name", None)
