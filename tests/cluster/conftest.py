"""The quickstart in a real cluster, from the images and by the chart, and a user who has applied examples/digits."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import kube
import pytest
import quickstart
from quickstart import SYSTEM, WORK, Asker
from sklearn.datasets import load_digits

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits"
PROBES = range(0, 200, 25)
VARIABLES = ("KUBECONFIG", "PENSTOCK_TEST_IMAGE_TAG")
LIVE_SECONDS = 240


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def installed() -> Iterator[None]:
    """A fresh release, Ready. It and all that it kept are removed at the end."""
    if missing := [name for name in VARIABLES if not os.environ.get(name)]:
        pytest.skip(f"{' and '.join(missing)} not set: a cluster, and the tag of images that it has")
    _remove()
    quickstart.namespaces()
    quickstart.install()
    yield
    _remove()


@pytest.fixture(scope="session")
def first(installed: None) -> str:
    """The run that is live after the first training."""
    kube.kubectl("-n", WORK, "apply", "-f", str(EXAMPLE))
    return kube.wait("the first run", LIVE_SECONDS, quickstart.live_run)


@pytest.fixture(scope="session")
def asker(first: str) -> Iterator[Asker]:
    """A user's pod that asks the gateway all the time."""
    images = load_digits().images
    one = Asker("asker", {image: images[image].tolist() for image in PROBES})
    one.start()
    kube.wait("the first answer", 60, lambda: any("run" in line for line in one.lines()))
    yield one
    one.stop()


@pytest.fixture
def retrain(first: str) -> Callable[[], str]:
    """Trains again with another seed, and does not wait; gives the name of the attempt's run once it is on Ray."""

    def start() -> str:
        job = kube.get("trainingjob", "digits", WORK)
        known = {one["run"] for one in job["status"]["attempts"]}
        kube.kubectl("-n", WORK, "patch", "trainingjob", "digits", "--type=merge", "-p", seeded(len(known)))
        return kube.wait("the attempt on Ray", 60, lambda: running(known))

    return start


@pytest.fixture
def penstock() -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command, with the cluster's kubeconfig."""

    def run(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "penstock.cli", *words]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=300, check=False, env={**os.environ, **env}
        )

    return run


def running(known: set[str]) -> str:
    attempts = kube.get("trainingjob", "digits", WORK)["status"]["attempts"]
    return next((one["run"] for one in attempts if one["run"] not in known and one["state"] == "Running"), "")


def seeded(seed: int) -> str:
    return f'{{"spec": {{"params": [{{"name": "epochs", "value": "12"}}, {{"name": "seed", "value": "{seed}"}}]}}}}'


def _remove() -> None:
    """Everything, whatever state a test has left it in; the definitions too."""
    kinds = "materializations,trainingjobs,vectorcollections,featureviews,vectorstores,featurestores"
    if kube.kubectl("get", "crd", "materializations.penstock.dev", "--ignore-not-found", "-o", "name").strip():
        kube.kubectl("-n", WORK, "delete", kinds, "--all", "--ignore-not-found", "--timeout=90s")
    quickstart.uninstall()
    kube.kubectl("delete", "namespace", SYSTEM, WORK, "--ignore-not-found", "--timeout=120s", seconds=150)
    crds = [name for name in kube.kubectl("get", "crd", "-o", "name").split() if name.endswith(".penstock.dev")]
    if crds:
        kube.kubectl("delete", *crds, "--timeout=60s")
