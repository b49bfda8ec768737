"""How long from `helm install` to Ready, and from `kubectl apply` to the first answer, and with how much memory?

    PENSTOCK_TEST_IMAGE_TAG=0.1.0 KUBECONFIG=… python bench/cluster.py

Installs the quickstart in a cluster that has the images, applies examples/digits as a user does, asks through the
Service, and prints one JSON object. It removes both at the end; the definitions and the claim stay. There is no peer:
nothing else carries a run from training into both stores.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import kube
import quickstart
from quickstart import PARTS, SYSTEM, WORK, Asker
from sklearn.datasets import load_digits

EXAMPLE = Path(__file__).parents[1] / "examples" / "digits"
STEPS = (
    "submission",
    "ray_starts_the_attempt",
    "training_to_the_manifest",
    "operator_sees_it_and_submits_the_staging",
    "staging_loads_verifies_and_passes_gates",
    "promotion",
    "gateway_loads_and_answers",
)


class MemorySampler(threading.Thread):
    """The largest working set of each part's pods together, as the kubelets count it."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak: dict[str, int] = defaultdict(int)
        self.now: dict[str, int] = {}

    def run(self) -> None:
        while True:
            try:
                self.now = self._look()
            except (kube.CommandFailed, KeyError):
                self.now = {}
            for part, size in self.now.items():
                self.peak[part] = max(self.peak[part], size)
            time.sleep(3)

    def _look(self) -> dict[str, int]:
        sums: dict[str, int] = defaultdict(int)
        for node in json.loads(kube.kubectl("get", "nodes", "-o", "json"))["items"]:
            path = f"/api/v1/nodes/{node['metadata']['name']}/proxy/stats/summary"
            for pod in json.loads(kube.kubectl("get", "--raw", path))["pods"]:
                name = pod["podRef"]["name"].removeprefix("penstock-").split("-")[0]
                if pod["podRef"]["namespace"] == SYSTEM and name in PARTS:
                    sums[name] += sum(one["memory"].get("workingSetBytes", 0) for one in pod.get("containers", []))
        return sums


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def noted(look: Callable[[], Any]) -> float:
    """The moment at which a look was first true."""
    kube.wait("the next step", 600, look, every=0.2)
    return time.time()


def install() -> dict[str, Any]:
    """Seconds to Ready, and of each pod from helm's first object to its own Ready."""
    began = time.time()
    quickstart.install()
    found: dict[str, Any] = {"helm_install_to_ready_seconds": round(time.time() - began, 1)}
    parts: dict[str, float] = {}
    for part in PARTS:
        marks = [
            seconds(one["lastTransitionTime"])
            for pod in quickstart.pods(part)
            for one in pod["status"]["conditions"]
            if one["type"] == "Ready"
        ]
        parts[part] = round(max(marks) - began, 1)
    return found | {"of_it_until_each_was_ready_seconds": parts}


def job() -> dict[str, Any]:
    status: dict[str, Any] = kube.get("trainingjob", "digits", WORK).get("status", {})
    return status


def staged() -> dict[str, Any]:
    found = kube.items("stagedruns", WORK)
    status: dict[str, Any] = found[-1].get("status", {}) if found else {}
    return status


def first_answer(asker: Asker) -> float:
    line = kube.wait("an answer", 300, lambda: next((line for line in asker.lines() if "run" in line), None), every=0.2)
    return float(line["at"]) + float(line["took"])


def journey() -> dict[str, Any]:
    """Seconds from `kubectl apply` to the first answer, and of each step of the way."""
    images = load_digits().images
    asker = Asker("asker", {0: images[0].tolist()})
    asker.start()
    began = time.time()
    kube.kubectl("-n", WORK, "apply", "-f", str(EXAMPLE))
    marks = [
        noted(lambda: job().get("attempts")),
        noted(lambda: job()["attempts"][-1]["state"] != "Pending"),
        noted(lambda: job()["attempts"][-1]["state"] == "Succeeded"),
        noted(lambda: staged().get("latestTry")),
        noted(lambda: staged().get("finishedAt")),
        noted(quickstart.live_run),
        first_answer(asker),
    ]
    asker.stop()
    steps = {
        name: round(max(mark - before, 0), 1) for name, mark, before in zip(STEPS, marks, [began, *marks], strict=False)
    }
    return {"kubectl_apply_to_first_answer_seconds": round(marks[-1] - began, 1), "of_it_seconds": steps}


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    quickstart.namespaces()
    memory = MemorySampler()
    memory.start()
    try:
        found = install()
        time.sleep(10)
        found["memory_mb_at_rest"] = {part: size >> 20 for part, size in sorted(memory.now.items())}
        found |= journey()
        found["peak_memory_mb"] = {part: size >> 20 for part, size in sorted(memory.peak.items())}
    finally:
        kube.kubectl("-n", WORK, "delete", "-f", str(EXAMPLE), "--ignore-not-found", "--timeout=120s", seconds=150)
        quickstart.uninstall()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
