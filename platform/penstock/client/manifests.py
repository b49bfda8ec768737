"""Files of resources: read, checked whole, and put in order before the first is sent."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from penstock.api import KINDS
from penstock.client.errors import ManifestError
from penstock.client.kinds import ORDER, api_version

SUFFIXES = (".yaml", ".yml", ".json")
TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """Takes a date for a string, as kubectl does: JSON has none."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag != TIMESTAMP]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Document(NamedTuple):
    """A resource, and where it stands."""

    body: dict[str, Any]
    where: str


def read(path: str | Path) -> list[dict[str, Any]]:
    """The resources of a file, of a folder's files, or of standard input (`-`), in the order to apply them.

    A relative `spec.source.path` of a TrainingJob is from the folder of its file, and becomes absolute if it is there.

    Raises:
        ManifestError: a file cannot be read, or a document is no resource that can be sent; names file and document.

    Examples:
        >>> [document["kind"] for document in read("examples/digits")]  # doctest: +SKIP
        ['FeatureStore', 'VectorStore', 'FeatureView', 'VectorCollection', 'TrainingJob', 'Materialization']
    """
    documents = [document for name, text, folder in _texts(path) for document in _documents(name, text, folder)]
    if not documents:
        raise ManifestError(f"{path}: no resource in it: name a file or a folder of YAML resources")
    seen: dict[tuple[str, str, str], str] = {}
    for body, where in documents:
        key = (body["kind"], body["metadata"].get("namespace", ""), body["metadata"]["name"])
        if key in seen:
            raise ManifestError(f"{where}: {key[0]} {key[2]!r} stands in {seen[key]} already: remove one of them")
        seen[key] = where
    return sorted((document.body for document in documents), key=lambda body: ORDER.index(body["kind"]))


def _texts(path: str | Path) -> Iterator[tuple[str, str, Path]]:
    if str(path) == "-":
        yield "standard input", sys.stdin.read(), Path.cwd()
        return
    given = Path(path)
    if not given.exists():
        raise ManifestError(f"{given}: no such file or folder")
    files = sorted(p for p in given.iterdir() if p.suffix in SUFFIXES) if given.is_dir() else [given]
    for file in files:
        try:
            yield str(file), file.read_text(), file.resolve().parent
        except (OSError, UnicodeDecodeError) as error:
            raise ManifestError(f"{file}: cannot be read: {error}") from error


def _documents(name: str, text: str, folder: Path) -> Iterator[Document]:
    try:
        bodies = list(yaml.load_all(text, _Loader))
    except (yaml.YAMLError, RecursionError) as error:
        raise ManifestError(f"{name}: is not YAML: {error}") from error
    for number, body in enumerate(bodies, start=1):
        if body is not None:
            where = f"{name}, document {number}"
            _check(body, where)
            yield Document(_with_absolute_source(body, folder), where)


def _check(body: Any, where: str) -> None:
    if not isinstance(body, dict):
        raise ManifestError(f"{where}: is not a resource: it needs apiVersion, kind and metadata.name")
    try:
        json.dumps(body, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ManifestError(f"{where}: holds what JSON has not: {error}") from error
    kind = body.get("kind")
    if kind in KINDS and KINDS[kind].MANAGED:
        raise ManifestError(f"{where}: a {kind} is made by Penstock, and cannot be applied: leave it out")
    if kind not in ORDER:
        raise ManifestError(f"{where}: kind {kind!r} is not known here: use one of {', '.join(ORDER)}")
    if body.get("apiVersion") != api_version(kind):
        raise ManifestError(f"{where}: apiVersion of {kind} is {body.get('apiVersion')!r}: write {api_version(kind)}")
    meta = body.get("metadata")
    if not isinstance(meta, dict) or not isinstance(meta.get("name"), str) or not meta["name"]:
        raise ManifestError(f"{where}: {kind} has no metadata.name: give it one")
    if kind in KINDS and not isinstance(body.get("spec", {}), dict):
        raise ManifestError(f"{where}: spec of {kind} {meta['name']!r} is not an object")


def _with_absolute_source(body: dict[str, Any], folder: Path) -> dict[str, Any]:
    source = (body.get("spec") or {}).get("source") if body["kind"] == "TrainingJob" else None
    if not isinstance(source, dict) or not isinstance(path := source.get("path"), str):
        return body
    given = Path(path).expanduser()
    found = (folder / given).resolve()
    # One that is not there stays relative: a cluster would take an absolute one for a path in an image.
    known = str(found) if given.is_absolute() or found.is_dir() else os.path.relpath(found)
    return {**body, "spec": {**body["spec"], "source": {**source, "path": known}}}
