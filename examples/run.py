"""`python run.py FOLDER`: run the resources of a folder on a local stack, and show what is live."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from lightkube import ApiError, AsyncClient, KubeConfig
from lightkube.generic_resource import create_namespaced_resource

from penstock.api import KINDS
from penstock.rundir.read import read_manifest

RESOURCES = {
    name: create_namespaced_resource("penstock.dev", "v1alpha1", name, kind.PLURAL) for name, kind in KINDS.items()
}
# The condition that says how far a kind is, and the reasons that it ends with.
ENDS = {
    "TrainingJob": ("Succeeded", {"Completed", "AttemptsExhausted", "InvalidSource"}),
    "Materialization": ("Staged", {"Staged", "GateFailed", "InvalidOutput", "StagingFailed"}),
}


class Follower:
    """Applies resources and follows them to their ends."""

    def __init__(self, home: Path) -> None:
        self.home = home
        config = KubeConfig.from_file(home / "kubeconfig")
        self.client: Any = AsyncClient(config=config, field_manager="examples", trust_env=False)
        self.started = time.monotonic()

    async def run(self, folder: Path) -> int:
        generations = {}
        for document in documents(folder):
            try:
                applied = await self.client.apply(RESOURCES[document["kind"]].from_dict(document))
            except ApiError as error:
                print(f"Error: {error.status.message}", file=sys.stderr)
                return 1
            generations[document["kind"], document["metadata"]["name"]] = applied.metadata.generation
        for kind in ENDS:
            for (other, name), generation in generations.items():
                if other == kind and not await self.follow(kind, name, generation):
                    return 1
        return 0

    async def follow(self, kind: str, name: str, generation: int) -> bool:
        type_, ends = ENDS[kind]
        said = ""
        async for _, found in self.client.watch(RESOURCES[kind], fields={"metadata.name": name}):
            status = found.get("status") or {}
            condition = next((c for c in status.get("conditions", []) if c["type"] == type_), None)
            if condition is None or condition["observedGeneration"] != generation:
                continue
            progress = status.get("progressText", "") if kind == "TrainingJob" else ""
            line = f"{condition['reason']} {progress}".strip()
            if line != said:
                print(f"{time.monotonic() - self.started:5.1f} s  {kind.lower()}/{name}  {line}")
                said = line
            if condition["reason"] in ends:
                if condition["status"] == "False":
                    print(f"Error: {kind.lower()}/{name}: {condition['message']}", file=sys.stderr)
                    return False
                self.show(kind, name, status)
                return True
        return False

    def show(self, kind: str, name: str, status: dict[str, Any]) -> None:
        if kind == "TrainingJob":
            made = read_manifest(f"{self.home.resolve()}/artifacts/default/{name}/{status['latestRun']}")
            print(f"\nRun {made.run}: " + ", ".join(f"{k} {v:.4g}" for k, v in sorted(made.metrics.items())))
            for output in made.outputs:
                about = f"{output.rows} rows" if output.rows else f"dimension {output.dimension}"
                print(f"  {output.name:<12} {output.kind:<11} {about}, {sum(f.bytes for f in output.files):,} bytes")
            print()
            return
        record = status["runs"][-1]
        for gate in record["gates"]:
            print(f"  gate {gate['name']:<16} passed  {gate['message']} (bound {gate['bound']})")
        print(f"\nLive under materialization/{name}: run {status['activeRun']}")
        for output in status["active"]["outputs"]:
            recall = f", index {output['index']}, recall {output['recall']:.3f}" if "recall" in output else ""
            print(f"  {output['resource']:<16} {output['physical']}: {output['rows']} rows{recall}")


def documents(folder: Path) -> Iterator[dict[str, Any]]:
    """The resources of a folder, with relative sources made absolute."""
    for path in sorted(folder.glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            document["metadata"].setdefault("namespace", "default")
            if document["kind"] == "TrainingJob":
                source = document["spec"]["source"]
                source["path"] = str((folder / source["path"]).resolve())
            yield document


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--home", type=Path, default=Path(".penstock"))
    flags = parser.parse_args()
    stack = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "penstock_operator.local", "--home", str(flags.home), stdout=asyncio.subprocess.PIPE
    )
    assert stack.stdout is not None
    try:
        print("Starting the local stack", file=sys.stderr)
        if not (ready := await stack.stdout.readline()):
            return await stack.wait()
        print(f"Ray's dashboard is at {json.loads(ready)['ray']}", file=sys.stderr)
        return await Follower(flags.home).run(flags.folder)
    finally:
        if stack.returncode is None:
            stack.send_signal(signal.SIGTERM)
            await stack.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
