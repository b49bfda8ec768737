"""`python run_job.py MANIFEST`: run a TrainingJob on a local stack of its own, and show what it made."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from lightkube import ApiError, AsyncClient, KubeConfig
from lightkube.generic_resource import create_namespaced_resource

from penstock.rundir.read import read_manifest

TrainingJob = create_namespaced_resource("penstock.dev", "v1alpha1", "TrainingJob", "trainingjobs")


async def follow(home: Path, manifest: Path) -> int:
    body = yaml.safe_load(manifest.read_text())
    source = body["spec"]["source"]
    source["path"] = str((manifest.parent / source["path"]).resolve())
    body["metadata"].setdefault("namespace", "default")
    client: Any = AsyncClient(
        config=KubeConfig.from_file(home / "kubeconfig"), field_manager="run-job", trust_env=False
    )
    try:
        applied = await client.apply(TrainingJob.from_dict(body))
    except ApiError as error:
        print(f"Error: {error.status.message}", file=sys.stderr)
        return 1
    started, said = time.monotonic(), ""
    name = body["metadata"]["name"]
    async for _, found in client.watch(TrainingJob, fields={"metadata.name": name}):
        status = found.get("status") or {}
        conditions = {c["type"]: c for c in status.get("conditions", [])}
        succeeded = conditions.get("Succeeded", {"status": "Unknown", "reason": "New", "message": ""})
        line = f"{succeeded['reason']} {status.get('progressText', '')}".strip()
        if line != said:
            print(f"{time.monotonic() - started:5.1f} s  trainingjob/{name}  {line}")
            said = line
        if status.get("observedGeneration") == applied.metadata.generation and succeeded["status"] != "Unknown":
            break
    if succeeded["status"] == "False":
        print(f"Error: trainingjob/{name}: {succeeded['message']}", file=sys.stderr)
        return 1
    made = read_manifest(f"{home.resolve()}/artifacts/default/{name}/{status['latestRun']}")
    print(f"\nRun {made.run}: " + ", ".join(f"{k} {v:.4g}" for k, v in sorted(made.metrics.items())))
    for output in made.outputs:
        about = f"{output.rows} rows" if output.rows else f"dimension {output.dimension}"
        print(f"  {output.name:<12} {output.kind:<11} {about}, {sum(f.bytes for f in output.files):,} bytes")
    return 0


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
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
        return await follow(flags.home, flags.manifest)
    finally:
        if stack.returncode is None:
            stack.send_signal(signal.SIGTERM)
            await stack.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
