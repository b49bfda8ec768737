"""How long does the main job take, where does the time go, and how much memory does each process need?

    python bench/demo.py

Runs `penstock run -f examples/digits` and `examples/digits/demo.py` on a fresh stack, as `make demo` does after its
set-up, and prints one JSON object. There is no peer: nothing else carries a run from training into both stores.
Run it on a machine that does nothing else: every Penstock process that starts meanwhile is counted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import psutil
from local import PENSTOCK

from penstock import Client
from penstock.api import StagedRun, TrainingRun
from penstock.serving import GatewayClient, ServingError

EXAMPLE = Path(__file__).parents[1] / "examples" / "digits"
NAMES = {
    "penstock_operator.local": "control plane",
    "penstock.gateway": "gateway",
    "milvus-lite": "Milvus Lite",
    "penstock.materialize": "staging job",
    "penstock.train.launch": "training driver",
    "RayTrainWorker": "training worker",
    "raylet": "raylet",
    "gcs_server": "Ray GCS",
    "dashboard": "Ray dashboard",
    "ray": "rest of Ray",
}


class MemorySampler(threading.Thread):
    """The largest sum of resident memory of each kind of process below this one."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak: dict[str, int] = defaultdict(int)
        self.total = 0
        self.others = {process.pid for process in psutil.process_iter()}

    def run(self) -> None:
        while True:
            sums: dict[str, int] = defaultdict(int)
            for process in psutil.process_iter(["cmdline", "memory_info"]):
                command, memory = " ".join(process.info["cmdline"] or []), process.info["memory_info"]
                if process.pid in self.others or memory is None:
                    continue
                name = next((name for mark, name in NAMES.items() if mark in command), None)
                if name is not None:
                    sums[name] += memory.rss
            for name, size in sums.items():
                self.peak[name] = max(self.peak[name], size)
            self.total = max(self.total, sum(sums.values()))
            time.sleep(0.3)


class Arrival(threading.Thread):
    """Notes when the gateway first answers."""

    def __init__(self, home: Path) -> None:
        super().__init__(daemon=True)
        self._home = home
        self.at = 0.0

    def run(self) -> None:
        stack = self._home / "stack.json"
        while not stack.exists():
            time.sleep(0.1)
        with GatewayClient(json.loads(stack.read_text())["gateway"]) as gateway:
            while not self.at:
                try:
                    gateway.describe("default", "digits")
                    self.at = time.time()
                except ServingError:
                    time.sleep(0.05)


def stages(home: Path, arrived: float) -> dict[str, float]:
    """Seconds from one step to the next, from the manifest to the first answer."""
    with Client(home / "kubeconfig") as client:
        run = min(client.list(TrainingRun), key=lambda one: one.spec.created_at)
        staged = next(one for one in client.list(StagedRun) if one.spec.training_run_ref.name == run.metadata.name)
    folder = home / "artifacts" / "default" / "digits" / run.metadata.name
    report = folder / "staging" / staged.metadata.uid.replace("-", "")[:8] / "report.json"
    marks = sorted(report.parent.rglob("*.json"), key=lambda path: path.stat().st_mtime)
    first_mark = marks[0].stat().st_mtime
    manifest, reported = (folder / "manifest.json").stat().st_mtime, report.stat().st_mtime
    return {
        "manifest_to_live_seconds": round(arrived - manifest, 2),
        "of_it_until_the_staging_job_wrote_its_first_file": round(first_mark - manifest, 2),
        "of_it_loading_verifying_and_gates": round(reported - first_mark, 2),
        "of_it_promotion_and_the_gateways_load": round(arrived - reported, 2),
    }


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / ".penstock"
        memory, arrival = MemorySampler(), Arrival(home)
        memory.start()
        arrival.start()
        started = time.monotonic()
        try:
            found: dict[str, Any] = {}
            command = [*PENSTOCK, "run", "-f", str(EXAMPLE)]
            subprocess.run(command, cwd=folder, stdout=sys.stderr, check=True)
            found["run_seconds"] = round(time.monotonic() - started, 1)
            subprocess.run([sys.executable, str(EXAMPLE / "demo.py")], cwd=folder, stdout=sys.stderr, check=True)
            found["whole_demo_seconds"] = round(time.monotonic() - started, 1)
            found |= stages(home, arrival.at)
        finally:
            subprocess.run([*PENSTOCK, "down"], cwd=folder, stdout=sys.stderr, check=False)
    found["peak_memory_mb"] = {name: size >> 20 for name, size in sorted(memory.peak.items())}
    found["peak_memory_mb_together"] = memory.total >> 20
    print(json.dumps(found))


if __name__ == "__main__":
    main()
