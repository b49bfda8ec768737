"""A kind as a CustomResourceDefinition (apiextensions.k8s.io/v1)."""

from __future__ import annotations

from typing import Any

from penstock.api import GROUP, VERSION, Resource
from penstock.api.meta import DNS_LABEL, Column, Status
from penstock.crds.schema import Schema, structural

# The public names in Feast and Milvus, the labels of children and references to the object are made from its name.
NAME: Schema = {"type": "string", "maxLength": 63, "pattern": DNS_LABEL}


def crd(kind: type[Resource]) -> dict[str, Any]:
    """The CustomResourceDefinition of a kind.

    Args:
        kind: a subclass of `Resource`, such as `penstock.api.TrainingJob`.

    Raises:
        UnsupportedSchema: a field has a type without a structural form.
    """
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.__name__,
                "listKind": f"{kind.__name__}List",
                "plural": kind.PLURAL,
                "singular": kind.__name__.lower(),
                "shortNames": list(kind.SHORT),
                "categories": ["penstock"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _root(kind)},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [_column(column) for column in kind.COLUMNS],
                }
            ],
        },
    }


def openapi(definition: dict[str, Any]) -> Schema:
    """The schema inside a CustomResourceDefinition."""
    schema: Schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def _root(kind: type[Resource]) -> Schema:
    # Spec and status are converted by themselves: the rest of an object has the API server's own schema.
    spec = structural(kind.model_fields["spec"].annotation)  # type: ignore[arg-type]
    status = structural(kind.model_fields["status"].annotation)  # type: ignore[arg-type]
    if kind.BORN_WITH_STATUS:
        born: Status = kind.model_fields["status"].get_default(call_default_factory=True)
        status["default"] = born.to_wire()
    else:
        # Without one, who judges by observedGeneration takes an object that nobody has looked at for a current one.
        status["default"] = {"observedGeneration": 0}
    field = kind.model_fields["spec"]
    schema: Schema = {
        "description": kind.__doc__ or "",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object", "properties": {"name": NAME}},
            "spec": spec,
            "status": status,
        },
    }
    if not field.is_required():
        spec["default"] = field.get_default().to_wire()
        del schema["required"]
    return schema


def _column(column: Column) -> dict[str, Any]:
    printed: dict[str, Any] = {"name": column.name, "type": column.type, "jsonPath": column.path}
    if column.priority:
        printed["priority"] = column.priority
    return printed
