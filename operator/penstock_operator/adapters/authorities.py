"""What Ray jobs are handed to trust an artifact store whose certificate is of a private authority."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from penstock.installation import Installation
from penstock.rundir.authorities import CONTENT_VARIABLE
from penstock_operator.ports import Refused

MOST_BYTES = 65_536
"""Linux takes no variable of more than 131,072 bytes, and every RayJob holds this one."""


def authority_variables(installation: Installation) -> Mapping[str, str]:
    """The authorities by their content, which reaches any Ray: nothing has to be in its images or namespaces.

    It is read at each submission, since the file may be renewed.

    Raises:
        Refused: the file cannot be read, or is too large for a variable.
    """
    if installation.artifacts_ca_path is None:
        return {}
    path = Path(installation.artifacts_ca_path)
    try:
        content = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"The certificate authorities of the artifact store cannot be read: {error}") from error
    if len(content.encode()) > MOST_BYTES:
        raise Refused(
            f"The certificate authorities in {path} are more than {MOST_BYTES} bytes: give the private one alone, or "
            "put the file into the image of the jobs and name it by AWS_CA_BUNDLE in the artifacts' Secret"
        )
    return {CONTENT_VARIABLE: content}
