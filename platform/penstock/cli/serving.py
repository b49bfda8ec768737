"""How the query verbs reach the gateway, and find the materialization that feeds what they ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.cli.exits import Failed
from penstock.cli.options import connect
from penstock.client.errors import NotPossible, PenstockError, Unreachable

if TYPE_CHECKING:
    from penstock.api import Materialization, Resource
    from penstock.serving import GatewayClient


@contextmanager
def asking(gateway: str | None, kubeconfig: Path | None, context: str | None) -> Iterator[GatewayClient]:
    """A client of the gateway.

    Raises:
        ConfigError: the gateway's address is not known.
        Unreachable: it does not answer.
        PenstockError: it refuses the query.
    """
    from penstock.client.gateways import TOKEN_VARIABLE, gateway_client
    from penstock.serving import GatewayUnavailable, ServingError, Unauthorized

    try:
        with gateway_client(gateway, kubeconfig=kubeconfig, context=context) as client:
            yield client
    except GatewayUnavailable as error:
        raise Unreachable(str(error)) from error
    except Unauthorized as error:
        raise Failed(f"{error} (this command sends {TOKEN_VARIABLE})") from error
    except ServingError as error:
        raise Failed(str(error)) from error


def materialization_of(
    kind: type[Resource],
    name: str,
    given: str | None,
    namespace: str | None,
    kubeconfig: Path | None,
    context: str | None,
) -> tuple[str, str]:
    """The namespace, and the materialization that is given or that alone feeds a view or collection.

    Raises:
        NotPossible: none feeds it, or several do.
    """
    import anyio

    from penstock.api import Materialization

    if given is not None and namespace is not None:
        return namespace, given

    async def find() -> tuple[str, str]:
        async with connect(kubeconfig, context, namespace) as client:
            if given is not None:
                return client.namespace, given
            feeding = [mat.metadata.name for mat in await client.list(Materialization) if feeds(mat, kind, name)]
            return client.namespace, only(feeding, f"{kind.__name__.lower()}/{name}")

    return anyio.run(find)


def feeds(mat: Materialization, kind: type[Resource], name: str) -> bool:
    """Whether a materialization feeds a view or collection."""
    if kind.__name__ == "FeatureView":
        return any(mapping.feature_view_ref.name == name for mapping in mat.spec.features)
    return any(mapping.vector_collection_ref.name == name for mapping in mat.spec.vectors)


def only(names: list[str], what: str) -> str:
    """The one name.

    Raises:
        PenstockError: there is none, or there are several.
    """
    if len(names) == 1:
        return names[0]
    if not names:
        raise NotPossible(f"No materialization feeds {what}: see `penstock get materializations`")
    raise PenstockError(f"Several materializations feed {what} ({', '.join(names)}): choose one with -m")
