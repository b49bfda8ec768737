"""Upgraded, nothing is lost; deleted, nothing is left; uninstalled, what policy keeps is left."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import kube
import quickstart
from quickstart import PARTS, SYSTEM, WORK, Asker

LIVE_SECONDS = 240
KINDS = ("trainingjobs", "featurestores", "featureviews", "vectorstores", "vectorcollections", "materializations")
MADE = ("trainingruns", "stagedruns")
"""The kinds of what the operator makes, and removes when nobody needs it."""
LEFT = {"configmap/kube-root-ca.crt", "serviceaccount/default"}


def identity(kind: str, name: str) -> tuple[str, Any]:
    found = kube.get(kind, name, SYSTEM)
    return found["metadata"]["uid"], found.get("data")


def left(namespace: str) -> set[str]:
    """What is in a namespace, events and what Kubernetes puts there itself apart."""
    kinds = [
        kind
        for kind in kube.kubectl("api-resources", "--namespaced", "--verbs=list", "-o", "name").split()
        if not kind.startswith("events")
    ]
    return set(kube.kubectl("-n", namespace, "get", ",".join(kinds), "-o", "name").split()) - LEFT


def in_stores() -> dict[str, list[str]]:
    """What Redis, Milvus, Feast's registry and the artifacts hold."""
    code = """
import json, os, sqlite3
from pymilvus import MilvusClient
client = MilvusClient("http://penstock-milvus:19530")
registry = sqlite3.connect("file:/var/lib/penstock/feast/registry.db?mode=ro", uri=True)
tables = ("feature_views", "feature_services", "entities")
print(json.dumps({
    "collections": client.list_collections(),
    "registry": [row[0] for table in tables for row in registry.execute(f"select 1 from {table}")],
    "artifacts": [name for _, _, names in os.walk("/var/lib/penstock/artifacts") for name in names],
}))
"""
    ray, redis = (quickstart.pods(part)[0]["metadata"]["name"] for part in ("ray", "redis"))
    found: dict[str, list[str]] = json.loads(kube.kubectl("-n", SYSTEM, "exec", ray, "--", "python", "-c", code))
    found["keys"] = kube.kubectl("-n", SYSTEM, "exec", redis, "--", "redis-cli", "--scan").split()
    return found


def test_an_upgrade_loses_nothing(asker: Asker, retrain: Callable[[], str]) -> None:
    kept = (("secret", "penstock-ray-token"), ("pvc", "penstock-artifacts"), ("lease", "penstock-operator"))
    known = {one: identity(*one) for one in kept}
    before = len(asker.lines())
    old = quickstart.live_run()
    run = retrain()
    quickstart.install(**{"operator.logLevel": "debug", "gateway.accessLog": "false"})
    kube.wait("the run that was on its way", LIVE_SECONDS, lambda: quickstart.live_run() == run)
    assert kube.get("trainingjob", "digits", WORK)["status"]["attempts"][-1]["run"] == run
    assert {one: identity(*one) for one in kept} == known
    kube.wait("an answer of the run", 30, lambda: asker.lines()[-1].get("run") == run)
    lines = asker.lines()[before:]
    assert [line for line in lines if "error" in line] == []
    truth = asker.truth(old, run)
    assert [line for line in lines if truth[line["run"], line["image"]] != line["content"]] == []


def test_deleting_leaves_nothing(asker: Asker) -> None:
    assert all(in_stores().values())
    asker.stop()
    for kind in KINDS[::-1]:
        kube.kubectl("-n", WORK, "delete", kind, "--all", "--timeout=90s")
    kube.wait("an empty namespace", 60, lambda: left(WORK) == set(), every=2)
    kube.wait("empty stores", 60, lambda: not any(in_stores().values()), every=2)


def test_an_uninstall_leaves_what_policy_keeps(installed: None) -> None:
    quickstart.uninstall()
    kube.wait("pods on their way out", 90, lambda: not any(quickstart.pods(part) for part in PARTS), every=1)
    kube.wait("the rest", 60, lambda: left(SYSTEM) == {"persistentvolumeclaim/penstock-artifacts"}, every=2)
    crds = {name for name in kube.kubectl("get", "crd", "-o", "name").split() if name.endswith(".penstock.dev")}
    assert {name.split("/")[1] for name in crds} == {f"{kind}.penstock.dev" for kind in (*KINDS, *MADE)}
    for kind in ("clusterroles", "clusterrolebindings"):
        assert not kube.kubectl("get", kind, "-l", "app.kubernetes.io/instance=penstock", "-o", "name").strip()
