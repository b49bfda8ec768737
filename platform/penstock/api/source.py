"""Where the code of a TrainingJob comes from."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from penstock.api.meta import Line, LocalRef, Model, SecretKeyRef, union

Digest = Annotated[str, StringConstraints(max_length=71, pattern=r"^sha256:[0-9a-f]{64}$")]
Revision = Annotated[str, StringConstraints(max_length=64, pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")]
GitUrl = Annotated[str, StringConstraints(max_length=1024, pattern=r"^(https?|ssh|git|file)://.+$")]
Subfolder = Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=r"^[^/].*$")]


class SourceType(StrEnum):
    """What kind of place code comes from."""

    PATH = "Path"
    CONFIG_MAP = "ConfigMap"
    GIT = "Git"
    ARCHIVE = "Archive"


class GitSource(Model):
    """A commit of a Git repository, fetched where the attempt runs."""

    url: GitUrl
    revision: Revision = Field(description="The commit, whole: a branch or tag may name another one tomorrow.")
    path: Subfolder | None = Field(None, description="The folder of the code in the repository.")
    token_secret_key_ref: SecretKeyRef | None = Field(None, description="A token for HTTPS, or user:password.")


class ArchiveSource(Model):
    """A gzipped tar archive under `sources/` of the artifact store, as `penstock apply` uploads it."""

    digest: Digest = Field(description="Of the archive's bytes; its name there.")


class Source(Model):
    """Where the training code is: the member that `type` names."""

    ATOMIC = True
    RULES = union({"Path": "path", "ConfigMap": "configMapRef", "Git": "git", "Archive": "archive"})

    type: SourceType
    path: Line | None = Field(
        None,
        description="A folder that every Ray node has, in its image for one. A relative one is below "
        "/opt/penstock/sources/NAME of the image, NAME being the job's; `penstock apply` makes it absolute on a "
        "laptop, and uploads it as an archive to a cluster, from the folder of the manifest.",
    )
    config_map_ref: LocalRef | None = Field(
        None, description="A ConfigMap whose keys are the files. It is read when an attempt is submitted."
    )
    git: GitSource | None = None
    archive: ArchiveSource | None = None
