"""Names: one public name for each resource, one physical name for each run behind it."""

from __future__ import annotations

UID_LABEL = "penstock.dev/uid"
"""Label of what is made for an object: its uid."""
SUBMISSION_ANNOTATION = "penstock.dev/submission"
"""Annotation of a RayJob: the submission that it stands for."""
RAY_TOKEN_KEY = "auth_token"  # noqa: S105 - the name of a key
"""The key of the Secret in which KubeRay keeps the token of a Ray cluster."""

PHYSICAL_PREFIX = 24


def run_name(uid: str, attempt: int) -> str:
    """The run of an attempt: the short uid of its job and the attempt's number, such as `3f2a9c41-2`."""
    return f"{run_prefix(uid)}{attempt}"


def run_prefix(uid: str) -> str:
    """What the names of all runs of a job begin with."""
    return f"{uid.replace('-', '')[:8]}-"


def submission_id(uid: str, attempt: int) -> str:
    """The Ray submission of an attempt; the same for the same (uid, attempt), whoever computes it."""
    return f"penstock-{uid}-{attempt}"


def staging_id(uid: str, number: int) -> str:
    """The Ray submission of one try of a StagedRun."""
    return f"penstock-{uid}-{number}"


def staged_run_name(materialization: str, run: str, digest: str) -> str:
    """The StagedRun of a run: the same for the same Materialization, run and digest of what it is staged by.

    Args:
        materialization: its name, for people; the digest tells two of them apart.
        run: the run.
        digest: of Materialization, mappings, gates and targets, as `sha256:…`.
    """
    tail = f"-{run}-{digest.removeprefix('sha256:')[:8]}"
    return f"{materialization[: 63 - len(tail)].rstrip('-')}{tail}"


def identifier(name: str) -> str:
    """A resource name as Feast and Milvus allow it: letters, digits and underscores, no digit first."""
    underscored = name.replace("-", "_")
    return f"_{underscored}" if underscored[0].isdigit() else underscored


def ray_token_secret(cluster: str) -> str:
    """The Secret in which KubeRay keeps the token of a Ray cluster, by its rule for what is called after one.

    Examples:
        >>> ray_token_secret("digits-0f3c2a105b1e-1-x7k2p")
        'digits-0f3c2a105b1e-1-x7k2p'
    """
    name = cluster[-50:]
    return name if name[0].isalpha() else f"r{name[1:]}"


def physical_name(resource: str, run: str, uid: str) -> str:
    """The Feast view or Milvus collection of a StagedRun; `identifier(resource)` is the public name in front of it.

    The uid makes it the StagedRun's own on any database, whoever else names the resource, in whichever namespace. The
    resource is cut, for PostgreSQL cuts what is longer than 63 bytes without a word.
    """
    return f"{physical_prefix(resource)}{run.replace('-', '_')}_{uid.replace('-', '')[:8]}"


def physical_prefix(resource: str) -> str:
    """What the names of all that is staged for a resource begin with."""
    return f"{identifier(resource)[:PHYSICAL_PREFIX]}__"


def run_uri(artifacts: str, namespace: str, job: str, run: str) -> str:
    """Where a run's directory is."""
    return f"{artifacts.rstrip('/')}/{namespace}/{job}/{run}"


def stage_uri(run_uri: str, uid: str) -> str:
    """Where a StagedRun keeps its own files: no other one, before or after, finds its marks or its report."""
    return f"{run_uri}/staging/{uid.replace('-', '')[:8]}"


def pointer_uri(artifacts: str, namespace: str, job: str, materialization: str) -> str:
    """Where a copy of the pointer of a Materialization is kept, beside the runs of its job."""
    return f"{artifacts.rstrip('/')}/{namespace}/{job}/serving/{materialization}.json"
