"""The blocking client: the same calls, and no thread left behind."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import pytest

import penstock
from penstock.api import Materialization, TrainingJob
from penstock.api.trainingjob import RERUN_ANNOTATION
from penstock.client import errors

JOB = {
    "apiVersion": "penstock.dev/v1alpha1",
    "kind": "TrainingJob",
    "metadata": {"name": "digits"},
    "spec": {"source": {"type": "Path", "path": "/code"}, "entrypoint": "train.py"},
}


def test_the_verbs_block_and_iterate(world: Any) -> None:
    with penstock.Client(world.kubeconfig) as client:
        assert (client.apply(JOB).outcome, client.namespace, client.server) == ("created", "default", world.url)
        assert client.get(TrainingJob, "digits").spec.entrypoint == "train.py"
        assert [job.metadata.name for job in client.list(TrainingJob)] == ["digits"]
        for change in client.watch(TrainingJob, "digits"):
            if change.type == "MODIFIED":
                break
            client.suspend(TrainingJob, "digits")
        assert not client.resume(TrainingJob, "digits").spec.suspend
        token = client.rerun("digits").metadata.annotations[RERUN_ANNOTATION]
        assert len(list(client.logs(TrainingJob, "digits"))) == 2
        done = {"Succeeded": ("True", "Completed", "")}
        world.status("TrainingJob", "digits", conditions=done, observedRerunToken=token)
        assert client.wait(TrainingJob, "digits", "Succeeded", timeout=5)
        client.delete(TrainingJob, "digits", timeout=5)
        with pytest.raises(errors.NotFound):
            client.rollback("digits")
        assert client.list(Materialization) == client.events(TrainingJob, "digits") == []


def test_close_ends_the_thread(world: Any) -> None:
    before = threading.active_count()
    client = penstock.Client(world.kubeconfig)
    assert client.list(TrainingJob) == []
    client.close()
    client.close()
    assert threading.active_count() == before


def test_a_client_that_is_not_closed_does_not_hold_the_interpreter(world: Any) -> None:
    code = "import penstock, sys; from penstock.api import TrainingJob; "
    code += "client = penstock.Client(sys.argv[1]); print(client.list(TrainingJob)); "
    code += "iterator = client.watch(TrainingJob); client = None"
    command = [sys.executable, "-c", code, str(world.kubeconfig)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("[]\n", "", 0)
