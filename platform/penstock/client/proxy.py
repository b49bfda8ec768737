"""Services of a cluster, through the API server's proxy: what `kubectl port-forward` is not needed for.

https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit


class Service(NamedTuple):
    """A port of a Service."""

    namespace: str
    name: str
    port: str
    scheme: str = "http"

    @property
    def resource(self) -> str:
        """What the API server, and a rule that grants `services/proxy`, call it."""
        tls = "https:" if self.scheme == "https" else ""
        return f"{tls}{self.name}:{self.port}"

    @property
    def path(self) -> str:
        """Its root, on the API server."""
        return f"/api/v1/namespaces/{self.namespace}/services/{self.resource}/proxy"

    def __str__(self) -> str:
        return f"Service {self.name!r} in namespace {self.namespace!r}"


def service_of(url: str, namespace: str) -> Service | None:
    """The Service that an address inside a cluster names; None where it names none.

    Args:
        url: such as `http://penstock-ray.penstock:8265`.
        namespace: of a host without one.

    Examples:
        >>> service_of("http://ray.ml.svc.cluster.local:8265/#/jobs/1", "default")
        Service(namespace='ml', name='ray', port='8265', scheme='http')
        >>> service_of("https://ray.example.com", "default") is None
        True
    """
    parts = urlsplit(url)
    name, *rest = (parts.hostname or "").split(".")
    if not name or name[0].isdigit() or (len(rest) > 1 and rest[1] != "svc"):
        return None
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Service(rest[0] if rest else namespace, name, str(port), parts.scheme)
