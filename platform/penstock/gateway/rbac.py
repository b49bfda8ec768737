"""RBAC rules as text, for messages that say what to grant."""

from __future__ import annotations

import json
from collections.abc import Sequence


def rule(group: str, resource: str, verbs: Sequence[str], name: str | None = None) -> str:
    """A rule of a Role, in JSON, which YAML takes too.

    Examples:
        >>> rule("", "secrets", ["get"], "key")
        '{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["key"], "verbs": ["get"]}'
    """
    named = {"resourceNames": [name]} if name is not None else {}
    return json.dumps({"apiGroups": [group], "resources": [resource], **named, "verbs": list(verbs)})
