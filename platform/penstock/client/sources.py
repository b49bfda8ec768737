"""The code of a job: from a folder of this machine to where a cluster finds it."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from penstock.client.errors import ConfigError, ManifestError, Unreachable
from penstock.rundir.errors import StoreRefused, StoreUnreachable
from penstock.sources.archive import Archive, File, pack
from penstock.sources.errors import NotPackable
from penstock.sources.folder import read_folder
from penstock.sources.store import archive_uri, is_fresh, put

CONFIG_MAP_BYTES = 1 << 20
KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
OWNED_BY = "penstock.dev/source-of"
MANAGED_BY = {"app.kubernetes.io/managed-by": "penstock"}
BIG_BYTES = 4 << 20

Tell = Callable[[str], None]


class Packed(NamedTuple):
    """The code of a job, ready to be sent."""

    folder: Path
    files: Mapping[str, File]
    archive: Archive


def with_absolute_path(body: dict[str, Any]) -> dict[str, Any]:
    """The job as the local stack needs it."""
    path = _path(body)
    return body if path is None else _with_source(body, {**body["spec"]["source"], "path": str(path)})


def packed(body: dict[str, Any]) -> Packed | None:
    """What of a job is on this machine; None where its source is elsewhere, as a path in an image is.

    Raises:
        ManifestError: the folder cannot be packed, is not there, or lacks the entrypoint.
    """
    path = _path(body)
    if path is None:
        return None
    where = f"TrainingJob {body['metadata']['name']!r}: spec.source.path"
    if not path.is_dir():
        if Path(body["spec"]["source"]["path"]).is_absolute():
            return None
        raise ManifestError(f"{where} {str(path)!r} is no folder of this machine: correct it")
    try:
        files = read_folder(path)
    except (NotPackable, OSError) as error:
        raise ManifestError(f"{where}: {error}") from error
    entrypoint = body["spec"].get("entrypoint")
    if entrypoint not in files:
        raise ManifestError(f"{where}: {entrypoint!r} (spec.entrypoint) is not in {str(path)!r}, or is left out of it")
    return Packed(path, files, pack(files))


def as_archive(body: dict[str, Any], code: Packed) -> dict[str, Any]:
    """The job with its code in the artifact store."""
    return _with_source(body, {"type": "Archive", "archive": {"digest": code.archive.digest}})


def upload(artifacts: str, code: Packed, tell: Tell | None) -> None:
    """Put the code into an object store, unless it is there; with the user's own credentials.

    Raises:
        ConfigError: the store says no, or pyarrow is not there to ask it.
        Unreachable: it does not answer.
    """
    with _translated(artifacts):
        if is_fresh(artifacts, code.archive.digest):
            return
        size = len(code.archive.content)
        if tell is not None and size >= BIG_BYTES:
            tell(f"Uploading {size / 2**20:.1f} MiB of {code.folder} to {archive_uri(artifacts, code.archive.digest)}")
        put(artifacts, code.archive)


def as_config_map(body: dict[str, Any], code: Packed, artifacts: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The job with its code in a ConfigMap, and that ConfigMap.

    Raises:
        ManifestError: it does not fit into one.
    """
    size = sum(len(file.content) for file in code.files.values())
    nested = next((name for name in code.files if not KEY.fullmatch(name)), None)
    if nested is not None or size > CONFIG_MAP_BYTES:
        why = f"it holds {nested!r}" if nested is not None else f"it has {size / 2**20:.1f} MiB"
        raise ManifestError(
            f"The artifacts of this cluster are on a volume ({artifacts}), which is not reached from here, and "
            f"{str(code.folder)!r} does not fit into a ConfigMap, which takes plain files up to 1 MiB ({why}): use "
            "spec.source.git, a path in an image, or an installation with artifacts on s3://"
        )
    job = str(body["metadata"]["name"])
    name = f"{job[:47].rstrip('-')}-source-{code.archive.digest.removeprefix('sha256:')[:8]}"
    labels = {**MANAGED_BY, OWNED_BY: job}
    text, binary = _split(code.files)
    config_map: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": body["metadata"]["namespace"], "labels": labels},
        **({"data": text} if text else {}),
        **({"binaryData": binary} if binary else {}),
    }
    return _with_source(body, {"type": "ConfigMap", "configMapRef": {"name": name}}), config_map


def owned(config_map: dict[str, Any], job: Mapping[str, Any]) -> dict[str, Any]:
    """The ConfigMap as a part of the job: it goes with it."""
    owner = {"apiVersion": job["apiVersion"], "kind": job["kind"]}
    owner |= {key: job["metadata"][key] for key in ("name", "uid")}
    return {**config_map, "metadata": {**config_map["metadata"], "ownerReferences": [owner]}}


def _path(body: dict[str, Any]) -> Path | None:
    source = (body.get("spec") or {}).get("source") if body["kind"] == "TrainingJob" else None
    path = source.get("path") if isinstance(source, dict) else None
    return (Path.cwd() / Path(path).expanduser()).resolve() if isinstance(path, str) else None


def _with_source(body: dict[str, Any], source: dict[str, Any]) -> dict[str, Any]:
    return {**body, "spec": {**body["spec"], "source": source}}


def _split(files: Mapping[str, File]) -> tuple[dict[str, str], dict[str, str]]:
    """What is text, and what is not, in base64."""
    text, binary = {}, {}
    for name, file in files.items():
        try:
            text[name] = file.content.decode()
        except UnicodeDecodeError:
            binary[name] = base64.b64encode(file.content).decode()
    return text, binary


@contextmanager
def _translated(artifacts: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise ConfigError(
            f"{artifacts} cannot be reached without {error.name}: pip install 'penstock[data]'"
        ) from error
    except StoreUnreachable as error:
        raise Unreachable(str(error)) from error
    except StoreRefused as error:
        raise ConfigError(
            f"{error}. The credentials are your own: AWS_PROFILE, or AWS_ACCESS_KEY_ID and its like"
        ) from error
