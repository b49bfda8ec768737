"""Names: one public name for each resource, one physical name for each run behind it."""

from __future__ import annotations

UID_LABEL = "penstock.dev/uid"
"""Label of what is made for an object: its uid."""
SUBMISSION_ANNOTATION = "penstock.dev/submission"
"""Annotation of a RayJob: the submission that it stands for."""
RAY_TOKEN_KEY = "auth_token"  # noqa: S105 - the name of a key
"""The key of the Secret in which KubeRay keeps the token of a Ray cluster."""


def run_name(uid: str, attempt: int) -> str:
    """The run of an attempt: the short uid of its job and the attempt's number, such as `3f2a9c41-2`."""
    return f"{run_prefix(uid)}{attempt}"


def run_prefix(uid: str) -> str:
    """What the names of all runs of a job begin with."""
    return f"{uid.replace('-', '')[:8]}-"


def submission_id(uid: str, attempt: int) -> str:
    """The Ray submission of an attempt; the same for the same (uid, attempt), whoever computes it."""
    return f"penstock-{uid}-{attempt}"


def staging_id(uid: str, run: str, staging: int, attempt: int) -> str:
    """The Ray submission of one try of a staging, by its number among all that a Materialization of this uid began."""
    return f"penstock-{uid}-{run}-{staging}-{attempt}"


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


def view_name(name: str, run: str, revision: int = 0) -> str:
    """The Feast feature view of one staging of a run; the feature service is called `identifier(name)`."""
    return _physical(name, run, revision)


def collection_name(name: str, run: str, revision: int = 0) -> str:
    """The Milvus collection of one staging of a run; the alias is called `identifier(name)`."""
    return _physical(name, run, revision)


def _physical(name: str, run: str, revision: int) -> str:
    again = f"_r{revision}" if revision else ""
    return f"{identifier(name)}__{run.replace('-', '_')}{again}"


def run_uri(artifacts: str, namespace: str, job: str, run: str) -> str:
    """Where a run's directory is."""
    return f"{artifacts.rstrip('/')}/{namespace}/{job}/{run}"


def stage_uri(run_uri: str, materialization_uid: str, staging: int) -> str:
    """Where a staging keeps its own files: no other one, before or after, finds its marks or its report."""
    return f"{run_uri}/staging/{materialization_uid.replace('-', '')[:8]}/{staging}"
