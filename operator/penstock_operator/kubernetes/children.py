"""The objects that Penstock makes, in the Kubernetes API."""

from __future__ import annotations

from collections.abc import Sequence

from penstock_operator.kubernetes.api import Api
from penstock_operator.kubernetes.cache import Cache
from penstock_operator.ports import Object


class ApiChildren:
    """Reads watched kinds from the cache, and others from the API."""

    def __init__(self, api: Api, cache: Cache) -> None:
        self._api = api
        self._cache = cache

    async def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object, or None."""
        if kind in self._cache.kinds:
            return self._cache.get(kind, namespace, name)
        return await self._api.get(kind, namespace, name)

    async def select(self, kind: str, namespace: str, selector: str) -> Sequence[Object]:
        """The objects with these labels, from the API."""
        return await self._api.select(kind, namespace, selector)

    async def create(self, obj: Object) -> Object:
        """Create it; the cache has it at once, and with it whoever looks next."""
        created = await self._api.create(obj)
        if obj["kind"] in self._cache.kinds:
            self._cache.put(created)
        return created

    async def delete(self, obj: Object, *, wait: bool = False) -> None:
        """Delete it, and nothing else that has its name by now."""
        meta = obj["metadata"]
        await self._api.delete(obj["kind"], meta["namespace"], meta["name"], meta["uid"], foreground=wait)
