"""KubeRay's definitions of its kinds, for an API server."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

Object = dict[str, Any]

VARIABLE = "KUBERAY_CRDS"
"""A file or folder with KubeRay's definitions of RayJob and RayCluster."""
KINDS = {"RayJob": "rayjobs", "RayCluster": "rayclusters"}


def definitions() -> list[Object]:
    """KubeRay's own CRDs out of the file or folder that the environment names, or ones that allow everything."""
    place = os.environ.get(VARIABLE)
    if not place:
        return [_open(kind, plural) for kind, plural in KINDS.items()]
    path = Path(place)
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    found = [json.loads(file.read_text()) for file in files]
    items = [item for one in found for item in one.get("items", [one])]
    return [item for item in items if item["spec"]["names"]["kind"] in KINDS]


def _open(kind: str, plural: str) -> Object:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.ray.io"},
        "spec": {
            "group": "ray.io",
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural},
            "versions": [{**version, "subresources": {"status": {}}}],
        },
    }
