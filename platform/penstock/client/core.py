"""The core kinds beside Penstock's own, as far as they are looked at."""

from __future__ import annotations

from pydantic import Field

from penstock.api import Resource


class Secret(Resource):
    """Values that are not to be shown, in base64."""

    PLURAL = "secrets"

    api_version: str = "v1"
    kind: str = "Secret"
    type: str = "Opaque"
    data: dict[str, str] = Field(default_factory=dict, repr=False)


class ConfigMap(Resource):
    """Values that may be shown."""

    PLURAL = "configmaps"
    SHORT = ("cm",)

    api_version: str = "v1"
    kind: str = "ConfigMap"
    data: dict[str, str] = Field(default_factory=dict)
    binary_data: dict[str, str] = Field(default_factory=dict)


CORE: dict[str, type[Resource]] = {kind.__name__: kind for kind in (Secret, ConfigMap)}
"""The core kinds that may be applied beside Penstock's own."""
