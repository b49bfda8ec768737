"""A Kubernetes cluster to try Penstock in, by kubectl and helm; a folder KUBEBUILDER_ASSETS may hold these."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

CHART = Path(__file__).parents[1] / "charts" / "penstock"
Object = dict[str, Any]
T = TypeVar("T")


class CommandFailed(Exception):
    """A program's words on stderr."""


class NotYet(Exception):
    """What was waited for did not come."""


def program(name: str) -> str:
    """Where kubectl or helm is.

    Raises:
        CommandFailed: it is nowhere.
    """
    path = os.pathsep.join([os.environ.get("KUBEBUILDER_ASSETS", ""), os.environ.get("PATH", "")])
    found = shutil.which(name, path=path)
    if found is None:
        raise CommandFailed(f"{name} is neither on the path nor in the folder KUBEBUILDER_ASSETS")
    return found


def run(name: str, *words: str, text: str | None = None, seconds: float = 120) -> str:
    """What a program says.

    Raises:
        CommandFailed: it failed.
    """
    command = [program(name), *words]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode:
        raise CommandFailed(f"{name} {' '.join(words)}: {done.stderr or done.stdout}")
    return done.stdout


def kubectl(*words: str, text: str | None = None, seconds: float = 120) -> str:
    return run("kubectl", *words, text=text, seconds=seconds)


def helm(*words: str, seconds: float = 600) -> str:
    return run("helm", *words, seconds=seconds)


def apply(*objects: Object) -> None:
    kubectl("apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))


def get(kind: str, name: str, namespace: str) -> Object:
    found: Object = json.loads(kubectl("-n", namespace, "get", kind, name, "-o", "json"))
    return found


def items(kind: str, namespace: str, selector: str = "") -> list[Object]:
    found: list[Object] = json.loads(kubectl("-n", namespace, "get", kind, "-l", selector, "-o", "json"))["items"]
    return found


def names(kind: str, namespace: str, selector: str = "") -> set[str]:
    return {one["metadata"]["name"] for one in items(kind, namespace, selector)}


def exists(kind: str, name: str, namespace: str) -> bool:
    return bool(kubectl("-n", namespace, "get", kind, name, "--ignore-not-found", "-o", "name").strip())


def wait(what: str, seconds: float, look: Callable[[], T | None], every: float = 0.5) -> T:
    """What a look finds, once it is true.

    Raises:
        NotYet: it was not in this time.
    """
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise NotYet(f"{what}: not in {seconds:.0f} s")
        time.sleep(every)
    return found


def ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def condition(obj: Object, kind: str) -> Object:
    """A condition; of no status where it is not there, or is of an earlier generation."""
    for one in obj.get("status", {}).get("conditions", []):
        if one["type"] == kind and one.get("observedGeneration") == obj["metadata"]["generation"]:
            return dict(one)
    return {"status": "", "reason": "", "message": ""}


def kill(pod: Object) -> None:
    """End a pod's containers without a warning, as a failing node does.

    Where the node is this machine, their processes are killed, and the kubelet starts the containers again. Elsewhere
    the pod is deleted with the shortest grace that there is.
    """
    ids = [one["containerID"].split("//")[1] for one in pod["status"]["containerStatuses"] if one.get("containerID")]
    found = [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cgroup") if _holds(path, ids)]
    for pid in found:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    if not found:
        words = ("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")
        kubectl("-n", pod["metadata"]["namespace"], *words)


def _holds(cgroup: Path, ids: list[str]) -> bool:
    try:
        text = cgroup.read_text()
    except OSError:
        return False
    return any(one in text for one in ids)
