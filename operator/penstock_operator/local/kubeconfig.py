"""The kubeconfig of a local stack."""

from __future__ import annotations

from pathlib import Path

import yaml

NAME = "penstock-local"


def write_kubeconfig(path: Path, server: str, token: str) -> None:
    """Write the address and the token, readable by the user alone."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": {"server": server}}],
        "users": [{"name": NAME, "user": {"token": token}}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME, "namespace": "default"}}],
        "current-context": NAME,
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config))
