"""Contexts of kubeconfigs: a cluster, who one is there, and a namespace."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.kubeapi.errors import KubeconfigError
from penstock.kubeapi.kubeconfig import read

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
USER_KUBECONFIG = Path("~/.kube/config")


@dataclass(frozen=True)
class Context:
    """A context, in the words of a kubeconfig, with the paths in it absolute."""

    cluster: Mapping[str, Any]
    user: Mapping[str, Any] = field(default_factory=dict, repr=False)
    namespace: str = "default"
    name: str = ""

    @property
    def server(self) -> str:
        """The address of the API."""
        return str(self.cluster["server"]).rstrip("/")


def choose(config: Mapping[str, Any], name: str | None = None) -> Context:
    """A context of a kubeconfig, or its current one.

    Raises:
        KubeconfigError: there is none of this name, or it is not whole.
    """
    name = name or config.get("current-context")
    if not name:
        raise KubeconfigError("it has no current-context: name one of its contexts")
    context = _entry(config, "contexts", name)
    cluster = _entry(config, "clusters", str(context.get("cluster")))
    if not isinstance(cluster.get("server"), str):
        raise KubeconfigError(f"cluster {context.get('cluster')!r} has no server")
    user = _entry(config, "users", str(context["user"])) if context.get("user") else {}
    return Context(cluster, user, str(context.get("namespace") or "default"), str(name))


def in_cluster(folder: Path = SERVICE_ACCOUNT) -> Context:
    """The cluster that this pod is in, as its service account.

    Raises:
        KubeconfigError: this is no pod, or one without a token.
    """
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port or not (folder / "token").is_file():
        raise KubeconfigError("it is not here: this is no pod with a token of its service account")
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    space = folder / "namespace"
    return Context(
        {"server": server, "certificate-authority": str(folder / "ca.crt")},
        {"tokenFile": str(folder / "token")},
        space.read_text().strip() if space.is_file() else "default",
        "in-cluster",
    )


def from_environment() -> Context:
    """The first of: the files of `KUBECONFIG`, the pod's service account, `~/.kube/config`.

    Raises:
        KubeconfigError: none of them can be used.
    """
    if named := os.environ.get("KUBECONFIG"):
        paths = [Path(part).expanduser() for part in named.split(os.pathsep) if part]
    elif (SERVICE_ACCOUNT / "token").is_file():
        return in_cluster()
    else:
        paths = [USER_KUBECONFIG.expanduser()]
    found = [path for path in paths if path.is_file()]
    shown = os.pathsep.join(str(path) for path in paths)
    if not found:
        raise KubeconfigError(f"Kubeconfig {shown!r} is not there: set KUBECONFIG")
    try:
        return choose(read(found))
    except KubeconfigError as error:
        raise KubeconfigError(f"Kubeconfig {shown!r} cannot be used: {error}") from error


def _entry(config: Mapping[str, Any], section: str, name: str) -> dict[str, Any]:
    """What stands under a name in one of a kubeconfig's lists."""
    field_ = section.removesuffix("s")
    for entry in config.get(section) or ():
        if entry["name"] == name:
            found = entry.get(field_) or {}
            if not isinstance(found, dict):
                raise KubeconfigError(f"{field_} {name!r} is no mapping")
            return found
    raise KubeconfigError(f"{field_} {name!r} not found")
