"""The main job in a real cluster: installed by helm, applied by kubectl, asked with a token, changed by the command."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kube
import pytest
import quickstart
from quickstart import PARTS, SYSTEM, WORK, Asker
from sklearn.datasets import load_digits

Command = Callable[..., subprocess.CompletedProcess[str]]
REPLICAS = {"operator": 2, "gateway": 2, "ray": 1, "redis": 1, "milvus": 1}


@contextmanager
def forwarded() -> Iterator[str]:
    """The gateway's address on this machine, as a user behind kubectl has it."""
    command = [kube.program("kubectl"), "-n", SYSTEM, "port-forward", "service/penstock-gateway", ":8080"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())
        assert found is not None
        yield f"http://127.0.0.1:{found[1]}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def test_one_helm_install_brings_all_of_it(installed: None) -> None:
    pods = {part: quickstart.pods(part) for part in PARTS}
    assert {part: len(found) for part, found in pods.items()} == REPLICAS
    for pod in (pod for found in pods.values() for pod in found):
        assert kube.ready(pod), pod["metadata"]["name"]
        assert [one["restartCount"] for one in pod["status"]["containerStatuses"]] == [0]
    assert "Phase:          Succeeded" in kube.helm("test", "penstock", "-n", SYSTEM)


def test_no_process_is_root_or_can_write_its_image(installed: None) -> None:
    for part in PARTS:
        words = ("exec", quickstart.pods(part)[0]["metadata"]["name"], "--", "sh", "-c")
        asked = kube.kubectl("-n", SYSTEM, *words, "id -u; touch /opt/penstock/x 2>&1 || true; touch /tmp/x && echo ok")
        assert asked.split("\n")[0] == "10001"
        assert "Read-only file system" in asked
        assert asked.rstrip().endswith("ok")


def test_kubectl_apply_goes_all_the_way_to_an_answer(first: str, asker: Asker) -> None:
    (answer,) = [line for line in asker.lines() if "run" in line][:1]
    assert answer["run"] == first
    job = kube.get("trainingjob", "digits", WORK)
    assert kube.condition(job, "Succeeded")["status"] == "True"
    assert [one["run"] for one in job["status"]["attempts"]] == [first]
    mat = kube.get("materialization", "digits", WORK)
    assert kube.condition(mat, "Ready")["status"] == "True"
    staged = kube.get("stagedrun", mat["status"]["active"]["stagedRunRef"]["name"], WORK)
    assert [gate["passed"] for gate in staged["status"]["gates"]] == [True] * 5
    assert kube.condition(kube.get("trainingrun", first, WORK), "Ready")["status"] == "True"


def test_the_command_works_on_the_cluster(first: str, penstock: Command) -> None:
    listed = penstock("get", "all", "-n", WORK)
    assert listed.returncode == 0, listed.stderr
    assert first in listed.stdout
    everywhere = penstock("get", "trainingjobs", "-A", "-o", "json")
    assert [one["metadata"]["namespace"] for one in json.loads(everywhere.stdout)["items"]] == [WORK]
    described = penstock("describe", "materialization/digits", "-n", WORK)
    assert "index-recall" in described.stdout
    known = kube.get("secret", "penstock-ray-token", SYSTEM)["data"]["token"]
    logs = penstock("logs", "digits", "-n", WORK, PENSTOCK_RAY_TOKEN=b64decode(known).decode())
    assert f"Run {first} is whole" in logs.stdout, logs.stderr
    waited = penstock("wait", "tj/digits", "--for", "Succeeded", "-n", WORK, "--timeout", "10s")
    assert waited.returncode == 0, waited.stderr


def test_a_user_behind_port_forward_asks_with_a_token(asker: Asker, penstock: Command) -> None:
    digits = load_digits()
    token = kube.kubectl("-n", WORK, "create", "token", asker.name).strip()
    image = json.dumps(digits.images[10].tolist())
    with forwarded() as url:
        words = ("query", "vectors", "digit-images", "-n", WORK, "-k", "5", "--input", image, "-o", "json")
        answered = penstock(*words, PENSTOCK_GATEWAY=url, PENSTOCK_GATEWAY_TOKEN=token)
        refused = penstock(*words, PENSTOCK_GATEWAY=url, PENSTOCK_GATEWAY_TOKEN="nobody")
        nobody = kube.kubectl("-n", WORK, "create", "token", "default").strip()
        forbidden = penstock(*words, PENSTOCK_GATEWAY=url, PENSTOCK_GATEWAY_TOKEN=nobody)
    assert answered.returncode == 0, answered.stderr
    hits: list[dict[str, Any]] = json.loads(answered.stdout)["results"][0]
    labels = [hit["fields"]["label"] for hit in hits]
    assert labels.count(int(digits.target[10])) >= 4
    assert refused.returncode == 1
    assert forbidden.returncode == 1
    assert "materializations/query" in forbidden.stderr


def test_a_retraining_switches_under_load_and_a_rollback_goes_back(
    asker: Asker, retrain: Callable[[], str], penstock: Command
) -> None:
    before, old = len(asker.lines()), quickstart.live_run()
    run = retrain()
    kube.wait("the new run", 240, lambda: quickstart.live_run() == run)
    kube.wait("an answer of the new run", 30, lambda: asker.lines()[-1].get("run") == run)
    done = penstock("rollback", "digits", "-n", WORK, "--wait")
    assert done.returncode == 0, done.stderr
    kube.wait("an answer of the old run", 30, lambda: asker.lines()[-1].get("run") == old)
    lines = asker.lines()[before:]
    truth = asker.truth(old, run)
    assert [line for line in lines if "error" in line] == []
    assert {line["run"] for line in lines} == {old, run}
    assert [line for line in lines if truth[line["run"], line["image"]] != line["content"]] == []
    assert penstock("promote", "digits", "-n", WORK, "--wait").returncode == 0
    assert quickstart.live_run() == run


@pytest.mark.skipif("PENSTOCK_TEST_APISERVER" not in os.environ, reason="names the file with the API server's pid")
def test_the_gateway_answers_while_the_api_is_away(asker: Asker) -> None:
    pid = int(Path(os.environ["PENSTOCK_TEST_APISERVER"]).read_text())
    before = asker.lines()[-1]["at"]
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(20)
    finally:
        os.kill(pid, signal.SIGCONT)
    kube.wait("the API", 30, lambda: kube.exists("namespace", WORK, WORK))
    meanwhile = [line for line in asker.lines() if before < line["at"] < before + 20]
    assert len(meanwhile) > 50
    assert [line for line in meanwhile if "error" in line] == []
