"""How kinds are spelled, and where the API keeps them."""

from __future__ import annotations

from penstock.api import API_VERSION, GROUP, KINDS, VERSION, Resource
from penstock.client.core import CORE
from penstock.client.errors import NotPossible

ORDER = (
    *CORE,
    "FeatureStore",
    "VectorStore",
    "FeatureView",
    "VectorCollection",
    "TrainingJob",
    "Materialization",
)
"""The order in which resources are applied: what is referred to comes first."""


def api_version(kind: str) -> str:
    """The apiVersion of a kind."""
    return API_VERSION if kind in KINDS else "v1"


def collection(kind: str, namespace: str | None) -> str:
    """The path of a kind's objects, in a namespace or in all.

    Examples:
        >>> collection("TrainingJob", "default")
        '/apis/penstock.dev/v1alpha1/namespaces/default/trainingjobs'
    """
    root = f"/apis/{API_VERSION}" if kind in KINDS else "/api/v1"
    plural = {**KINDS, **CORE}[kind].PLURAL if kind != "Event" else "events"
    return f"{root}/namespaces/{namespace}/{plural}" if namespace is not None else f"{root}/{plural}"


def location(kind: str, namespace: str, name: str) -> str:
    """The path of one object.

    Raises:
        NotPossible: the name stands for none.
    """
    return f"{collection(kind, namespace)}/{checked_name(name)}"


def resolve(name: str) -> type[Resource] | None:
    """The kind by any of its names, as kubectl takes them: plural, singular, short, with or without the group.

    Examples:
        >>> resolve("tj").__name__, resolve("materializations.penstock.dev").__name__
        ('TrainingJob', 'Materialization')
    """
    word = name.lower().removesuffix(f".{VERSION}.{GROUP}").removesuffix(f".{GROUP}")
    known = (*KINDS.values(), *CORE.values())
    return next((kind for kind in known if word in (kind.__name__.lower(), kind.PLURAL, *kind.SHORT)), None)


def full_name(kind: str, name: str) -> str:
    """An object as kubectl names it: `trainingjob.penstock.dev/digits`, `secret/key`."""
    group = f".{GROUP}" if kind in KINDS else ""
    return f"{kind.lower()}{group}/{name}"


def checked_name(name: str) -> str:
    """A name that stands for one object in a path of the API.

    Raises:
        NotPossible: it is empty, which would name every object of its kind, or it would change the path.
    """
    if not name or name in (".", "..") or set(name) & set("/%?#"):
        raise NotPossible(f"{name!r} is no name of an object: give one, such as digits")
    return name


def needs_suspend(kind: type[Resource], name: str) -> None:
    """Check that a kind can be suspended.

    Raises:
        NotPossible: it cannot.
    """
    spec = kind.model_fields.get("spec")
    if spec is None or "suspend" not in getattr(spec.annotation, "model_fields", {}):
        raise NotPossible(f"{full_name(kind.__name__, name)} cannot be suspended: only jobs and materializations can")
