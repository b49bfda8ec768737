"""Files in an object store, by pyarrow's own clients: no cache of listings, and a write is there whole or not at all.

Credentials come from where the store's own tools take them: for S3 the variables `AWS_ACCESS_KEY_ID`,
`AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`, `AWS_ENDPOINT_URL_S3` and `AWS_PROFILE`, then the pod's or
the machine's role. `AWS_CA_BUNDLE` names the authorities of its certificate. https://arrow.apache.org/docs/python/filesystems.html
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, cast

from penstock.rundir.authorities import BUNDLE_VARIABLE, bundle
from penstock.rundir.errors import StoreRefused, StoreUnreachable

CONNECT_SECONDS, REQUEST_SECONDS, ATTEMPTS = 3, 10, 3
DELETE_TRIES = 3
REFUSALS = re.compile(r"DENIED|FORBIDDEN|NO_SUCH_BUCKET|SIGNATURE|ACCESS_KEY|CREDENTIAL|TOKEN|AUTHENTICATION|EXPIRED")
UNTRUSTED = re.compile(r"curlCode: (60|77)\b")
"""libcurl's codes of a certificate that nobody known has signed, and of a file of authorities that is none."""
SAID = re.compile(r"AWS Error (\w+) during (\w+)")
VARIABLES = (
    *("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
)
REMEDY = (
    "check that it exists, and that the credentials (AWS_ACCESS_KEY_ID and its like, out of artifactsSecret in a "
    "cluster) may get, put, list and delete there"
)


def connect(uri: str) -> Objects:
    """The store of a URI.

    Raises:
        StoreRefused: no store is known for the scheme.
        StoreUnreachable: where a bucket is could not be found out, or the authorities cannot be read.
        OSError: authorities that were handed over cannot be written down.
    """
    scheme, _, rest = uri.partition("://")
    bucket = rest.partition("/")[0]
    # Credentials may change while the process lives: the connections of old ones are not used again.
    environment = (*(os.environ.get(name) for name in VARIABLES), *_authorities())
    return _connect(scheme, bucket, environment)


def _authorities() -> tuple[str, ...]:
    """What changes when the file of authorities does."""
    path = bundle()
    if path is None:
        return ()
    try:
        about = path.stat()
    except OSError as error:
        raise StoreUnreachable(
            f"The certificate authorities cannot be read: {error}: correct {BUNDLE_VARIABLE}"
        ) from error
    return str(path), str(about.st_ino), str(about.st_mtime_ns)


@lru_cache(maxsize=16)
def _connect(scheme: str, bucket: str, _environment: tuple[str | None, ...]) -> Objects:
    import pyarrow as pa
    from pyarrow import fs

    root = f"{scheme}://{bucket}"
    if scheme == "s3":
        with _translated(root):
            return Objects(_s3(bucket), root)
    try:
        system, _ = fs.FileSystem.from_uri(root)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise StoreRefused(f"{root}: no such store is known here ({error}): use s3:// or file://") from error
    return Objects(system, root)


def _s3(bucket: str) -> Any:
    from pyarrow import fs

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return fs.S3FileSystem(
        endpoint_override=endpoint,
        region=region or (None if endpoint else fs.resolve_s3_region(bucket)),
        connect_timeout=CONNECT_SECONDS,
        request_timeout=REQUEST_SECONDS,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
        tls_ca_file_path=_text(bundle()),
        # What fits into one part is one PUT.
        allow_delayed_open=True,
    )


def _text(path: Path | None) -> str | None:
    return str(path) if path is not None else None


class Objects:
    """A store of keys, of which `/` makes folders."""

    def __init__(self, system: Any, root: str) -> None:
        self._fs, self._root = system, root
        self._scheme = root.partition("://")[0]
        self._bucket_seen = False

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """A file to read."""
        with self._translated(path):
            try:
                file = self._fs.open_input_file(path)
            except FileNotFoundError:
                self._check_bucket()
                raise
            with file:
                yield cast("BinaryIO", file)

    def replace(self, path: str, content: bytes) -> None:
        """One PUT, or one upload in parts, which is there when its last call is through."""
        # Unset, the compression is that of the file's suffix.
        with self._translated(path), self._fs.open_output_stream(path, compression=None) as stream:
            # In one call: a stream that is left by an exception would be closed, and so be there in part.
            stream.write(content)

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder."""
        return bool(self._info(path).type.name != "NotFound")

    def is_file(self, path: str) -> bool:
        """Whether there is a file."""
        return bool(self._info(path).is_file)

    def modified(self, path: str) -> datetime | None:
        """When it was written; None where there is none."""
        info = self._info(path)
        return _time(info) if info.is_file else None

    def entries(self, path: str) -> list[tuple[str, datetime]]:
        """Names and times of what is in a folder; a folder has no time of its own."""
        from pyarrow import fs

        with self._translated(path):
            found = self._fs.get_file_info(fs.FileSelector(path.rstrip("/"), allow_not_found=True))
        if not found:
            self._check_bucket()
        return [(info.base_name, _time(info)) for info in found]

    def delete(self, path: str) -> None:
        """Delete a file, or what is below a folder, up to a thousand objects a call."""
        info = self._info(path)
        with self._translated(path):
            if info.is_file:
                self._fs.delete_file(path)
                return
            for left in reversed(range(DELETE_TRIES)):
                try:
                    self._fs.delete_dir(path)
                except FileNotFoundError:
                    return
                except OSError:
                    # Some stores have folders of their own, and complain of one that was not yet empty.
                    if not left and self._files_below(path):
                        raise
                if not self._files_below(path):
                    return

    def prune(self, path: str, root: str) -> None:
        """Nothing: a folder is what the keys in it make of it."""

    def _files_below(self, path: str) -> bool:
        from pyarrow import fs

        found = self._fs.get_file_info(fs.FileSelector(path, allow_not_found=True, recursive=True))
        return any(info.is_file for info in found)

    def _info(self, path: str) -> Any:
        with self._translated(path):
            info = self._fs.get_file_info(path.rstrip("/"))
        if info.type.name == "NotFound":
            self._check_bucket()
        return info

    def _check_bucket(self) -> None:
        """Tell a bucket that is not there from a file that is not."""
        if self._bucket_seen:
            return
        bucket = self._root.partition("://")[2]
        with self._translated(bucket):
            if self._fs.get_file_info(bucket).type.name == "NotFound":
                raise StoreRefused(f"{self._root} is not there: create the bucket, or correct the URI")
        self._bucket_seen = True

    def _translated(self, path: str) -> Any:
        return _translated(f"{self._scheme}://{path}")


@contextmanager
def _translated(uri: str) -> Iterator[None]:
    """Turn what a client says into our errors, with the URI.

    Raises:
        StoreRefused: it answered no.
        StoreUnreachable: it gave no answer that says more.
    """
    try:
        yield
    except (FileNotFoundError, StoreRefused, StoreUnreachable):
        raise
    except OSError as error:
        if error.errno is not None:
            # Of this machine, such as a full disk of who reads.
            raise
        if UNTRUSTED.search(str(error)):
            raise StoreUnreachable(
                f"{uri}: the certificate of the store is not trusted: name the file of its authority by "
                f"{BUNDLE_VARIABLE}, or in a cluster by artifacts.caBundle of the chart"
            ) from error
        said = SAID.search(str(error))
        what = f"{said[1]} in {said[2]}" if said else str(error).splitlines()[0][:500]
        if said and REFUSALS.search(said[1]):
            raise StoreRefused(f"{uri} is refused ({what}): {REMEDY}") from error
        raise StoreUnreachable(f"{uri} did not answer ({what}): check the network, and AWS_ENDPOINT_URL_S3") from error


def _time(info: Any) -> datetime:
    found: datetime | None = info.mtime
    return found if found is not None else datetime.fromtimestamp(0, UTC)
