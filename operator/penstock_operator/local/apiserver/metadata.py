"""The checks of the API server on metadata, which no CustomResourceDefinition has."""

from __future__ import annotations

import re
from typing import Any

from penstock.api.meta import DNS_LABEL
from penstock_operator.local.apiserver.errors import Malformed
from penstock_operator.ports import Object

MAPS = ("labels", "annotations")


def check(obj: Object) -> None:
    """Check the metadata of an object that is to be written; its kind is there.

    Raises:
        Malformed: names the field that is wrong.
    """
    meta = obj["metadata"]
    name, namespace = meta.get("name"), meta.get("namespace", "")
    if not isinstance(name, str) or "/" in name or "%" in name or name in ("", ".", ".."):
        raise Malformed(f"metadata.name: {name!r} is no name of an object")
    if namespace and (len(namespace) > 63 or not re.fullmatch(DNS_LABEL, namespace)):
        raise Malformed(f"metadata.namespace: {namespace!r} is no name of a namespace: use a-z, 0-9 and '-'")
    for field in MAPS:
        _check_map(field, meta.get(field))
    finalizers = meta.get("finalizers") or []
    if not isinstance(finalizers, list) or not all(isinstance(one, str) for one in finalizers):
        raise Malformed("metadata.finalizers: a list of strings is needed")
    owners = meta.get("ownerReferences") or []
    if not isinstance(owners, list) or not all(isinstance(one, dict) and one.get("uid") for one in owners):
        raise Malformed("metadata.ownerReferences: a list of objects with uid is needed")


def _check_map(field: str, value: Any) -> None:
    if not isinstance(value or {}, dict):
        raise Malformed(f"metadata.{field}: an object is needed")
    for key, one in (value or {}).items():
        if not isinstance(one, str):
            raise Malformed(f"metadata.{field}.{key}: {one!r} is no string: put it in quotes")
