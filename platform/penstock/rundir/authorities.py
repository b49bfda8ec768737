"""The certificate authorities of an object store that has one of its own, such as a company's MinIO.

They are a file that `AWS_CA_BUNDLE` names, as for the AWS tools. A Ray job, which no file of the control plane reaches,
is handed their content, and writes it down on each node.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from penstock.rundir.files import Files

BUNDLE_VARIABLE = "AWS_CA_BUNDLE"
CONTENT_VARIABLE = "PENSTOCK_ARTIFACTS_CA"
"""Environment variable with the certificates themselves, in PEM."""


def bundle() -> Path | None:
    """The file of the authorities; None for those of the system.

    What was handed over as content is named by `AWS_CA_BUNDLE` from then on, so that other clients in this process, and
    those that it starts, trust it too.

    Raises:
        OSError: the content cannot be written.
    """
    if named := os.environ.get(BUNDLE_VARIABLE):
        return Path(named)
    if not (content := os.environ.get(CONTENT_VARIABLE)):
        return None
    path = _written(content.encode())
    os.environ[BUNDLE_VARIABLE] = str(path)
    return path


def _written(content: bytes) -> Path:
    folder = _own_folder()
    path = folder / f"ca-{hashlib.sha256(content).hexdigest()}.pem"
    if not path.is_file():
        Files().replace(str(path), content)
    return path


def _own_folder() -> Path:
    """A folder that nobody else may write to: who writes there says whom to trust."""
    shared = Path(tempfile.gettempdir()) / f"penstock-{os.getuid()}"
    shared.mkdir(mode=0o700, exist_ok=True)
    about = shared.lstat()
    if about.st_uid == os.getuid() and shared.is_dir() and not shared.is_symlink() and not about.st_mode & 0o022:
        return shared
    return Path(tempfile.mkdtemp(prefix="penstock-"))
