"""Secrets that an object names, also at the end of the object, when they may have gone before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from penstock.api import Resource
from penstock.api.meta import SecretKeyRef
from penstock.secrets import MissingSecret, read_secrets
from penstock_operator.ports import Cluster, Object
from penstock_operator.secretmemory import SecretMemory


async def secrets_for(
    cluster: Cluster, memory: SecretMemory, owner: Resource, refs: Iterable[SecretKeyRef]
) -> Callable[[SecretKeyRef], str]:
    """From a reference to its value, as it is; for an object that is being deleted, as it was where it is gone.

    Raises:
        MissingSecret: a Secret or key is not there.
    """
    deleted = owner.metadata.deletion_timestamp is not None
    try:
        return await read_secrets(_Remembering(cluster, memory, deleted), owner.metadata.namespace, refs)
    except MissingSecret as error:
        if not deleted:
            raise
        # Its namespace may be going, where no Secret can be created.
        raise MissingSecret(error.problem, "what it guards cannot be reached any more") from error


@dataclass(frozen=True)
class _Remembering:
    cluster: Cluster
    memory: SecretMemory
    deleted: bool

    async def get(self, kind: str, namespace: str, name: str) -> Object | None:
        found = await self.cluster.get(kind, namespace, name)
        if found is not None:
            self.memory.remember(namespace, name, found)
        elif self.deleted:
            return self.memory.recall(namespace, name)
        return found
