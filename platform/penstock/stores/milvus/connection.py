"""From a VectorStore to the address of a Milvus."""

from __future__ import annotations

from collections.abc import Callable

from penstock.api.meta import SecretKeyRef
from penstock.api.stores import VectorStore
from penstock.handoff import MilvusConnection
from penstock.installation import Installation


def milvus_connection(
    store: VectorStore, installation: Installation, secret: Callable[[SecretKeyRef], str]
) -> MilvusConnection:
    """The store's own address, or the installation's.

    Raises:
        ValueError: neither the resource nor the installation says where.
    """
    uri = store.spec.uri or installation.milvus_uri
    if uri is None:
        raise ValueError("spec.uri is unset and this installation has no default: set it")
    ref = store.spec.token_secret_key_ref
    return MilvusConnection(
        uri=uri,
        database=store.spec.database,
        token=secret(ref) if ref is not None else None,
        timeout_seconds=store.spec.timeout_seconds,
    )


def vector_store_refs(store: VectorStore) -> list[SecretKeyRef]:
    """The Secrets that a VectorStore names."""
    return [store.spec.token_secret_key_ref] if store.spec.token_secret_key_ref is not None else []
