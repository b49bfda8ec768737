"""The asynchronous client."""

from __future__ import annotations

from penstock.client.promoting import Promoting


class AsyncClient(Promoting):
    """Penstock's resources over the Kubernetes REST API, of a cluster or of the local stack.

    The verbs are kubectl's, and stand beside what they do: `reading`, `watching`, `waiting`, `writing`, `promoting`.
    Each raises `Unreachable` when the API does not answer, and a subclass of `ApiError` when it refuses.

    Examples:
        >>> async with AsyncClient(namespace="search") as client:  # doctest: +SKIP
        ...     await client.apply_path("penstock.yaml")
        ...     job = await client.wait(TrainingJob, "digits", "Succeeded", timeout=600)
        ...     await client.wait_served("digits", job.status.latest_run)
    """
