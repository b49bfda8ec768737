"""What the API server makes of an object before it is kept, and when it is shown: defaults, pruning, checks."""

from __future__ import annotations

import base64
import copy
from collections.abc import Mapping, Sequence

from penstock.crds.validate import FieldError, Validator
from penstock_operator.local.apiserver import metadata
from penstock_operator.local.apiserver.errors import Invalid
from penstock_operator.local.apiserver.resources import BY_KIND, ServedKind
from penstock_operator.ports import Object


class Admission:
    """The schemas of the kinds; an object of another kind is kept as it is, but for its metadata."""

    def __init__(self, kinds: Mapping[str, ServedKind] = BY_KIND) -> None:
        self._kinds = kinds

    def created(self, obj: Object, *, strict: bool) -> Object:
        """A new object as it is kept: without a status, which only its subresource takes.

        Raises:
            Malformed: its metadata is wrong.
            Invalid: it breaks its schema or rules; where `strict`, it has a field that the schema does not know.
        """
        new = self._sent(obj, strict)
        new.pop("status", None)
        new = self._checked(new, None)
        # The status that the schema gives is shown, and not kept: it may yet be another.
        new.pop("status", None)
        return new

    def updated(self, obj: Object, old: Object, *, strict: bool) -> Object:
        """An object as it is kept in the place of an old one: with the old one's status.

        Raises:
            Malformed: its metadata is wrong.
            Invalid: it breaks its schema or rules; where `strict`, it has a field that the schema does not know.
        """
        new = self._sent(obj, strict)
        new.pop("status", None)
        if "status" in old:
            new["status"] = copy.deepcopy(old["status"])
        return self._checked(new, old)

    def with_status(self, obj: Object, old: Object, *, strict: bool) -> Object:
        """The old object, with the status of this one.

        Raises:
            Invalid: the status breaks its schema or rules; where `strict`, it has a field that the schema does not
                know.
        """
        new = copy.deepcopy(old)
        new.pop("status", None)
        if obj.get("status") is not None:
            new["status"] = copy.deepcopy(obj["status"])
        return self._checked(self._pruned(new, strict), old)

    def shown(self, obj: Object) -> Object:
        """An object that was kept, by the schema as it is now: with its defaults, and without fields unknown to it."""
        validator = self._validator(obj)
        return validator.fill(validator.prune(obj)) if validator is not None else obj

    def _sent(self, obj: Object, strict: bool) -> Object:
        metadata.check(obj)
        obj = self._pruned(obj, strict)
        return _with_string_data(obj) if obj["kind"] == "Secret" else obj

    def _pruned(self, obj: Object, strict: bool) -> Object:
        """A copy without the fields that the schema does not know."""
        validator = self._validator(obj)
        if validator is None:
            return copy.deepcopy(obj)
        if strict and (unknown := validator.unknown_fields(obj)):
            raise self._invalid(obj, unknown)
        return validator.prune(obj)

    def _checked(self, obj: Object, old: Object | None) -> Object:
        validator = self._validator(obj)
        if validator is None:
            return obj
        obj = validator.fill(obj)
        if errors := validator.validate(obj, old, strict=False):
            raise self._invalid(obj, errors)
        return obj

    def _validator(self, obj: Object) -> Validator | None:
        kind = self._kinds.get(obj["kind"])
        return kind.validator if kind is not None else None

    def _invalid(self, obj: Object, errors: Sequence[FieldError]) -> Invalid:
        return Invalid(obj["kind"], self._kinds[obj["kind"]].group, obj["metadata"]["name"], errors)


def _with_string_data(obj: Object) -> Object:
    plain = obj.get("stringData") or {}
    encoded = {name: base64.b64encode(str(value).encode()).decode() for name, value in plain.items()}
    rest = {name: value for name, value in obj.items() if name != "stringData"}
    return {**rest, "type": obj.get("type") or "Opaque", "data": {**(obj.get("data") or {}), **encoded}}
