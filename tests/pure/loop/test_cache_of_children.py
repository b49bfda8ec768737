"""What is kept in memory of kinds that are only followed."""

from __future__ import annotations

from penstock_operator.kubernetes.cache import Cache
from penstock_operator.kubernetes.kinds import WATCHED


def test_of_a_rayjob_the_status_is_kept_and_its_pods_are_not() -> None:
    cache = Cache(WATCHED)
    meta = {"name": "digits-1", "namespace": "team", "uid": "u", "resourceVersion": "7", "managedFields": [{}]}
    spec = {"suspend": True, "rayClusterSpec": {"headGroupSpec": {}}, "runtimeEnvYAML": "x" * 4096}
    cache.put({"kind": "RayJob", "metadata": meta, "spec": spec, "status": {"jobStatus": "RUNNING"}})
    kept = cache.get("RayJob", "team", "digits-1")
    assert kept is not None
    assert (kept["spec"], kept["status"]) == ({"suspend": True}, {"jobStatus": "RUNNING"})
    assert "managedFields" not in kept["metadata"]
