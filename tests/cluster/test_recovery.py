"""Parts killed on the way: what was begun comes to its end once, and what is served is answered from one run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import kube
import quickstart
from quickstart import SYSTEM, WORK, Asker

LIVE_SECONDS = 240
FAILOVER_SECONDS = 20
HANDOVER_SECONDS = 3
GONE_SECONDS = 5


def attempts() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = kube.get("trainingjob", "digits", WORK)["status"]["attempts"]
    return found


def submissions() -> list[str]:
    """The training jobs that Ray has had since its head started."""
    pod = quickstart.pods("ray")[0]["metadata"]["name"]
    code = """
import json, pathlib, urllib.request
token = pathlib.Path("/run/secrets/penstock.dev/ray/token").read_text().strip()
asked = urllib.request.Request("http://127.0.0.1:8265/api/jobs/", headers={"Authorization": f"Bearer {token}"})
print(json.dumps([job["submission_id"] for job in json.load(urllib.request.urlopen(asked))]))
"""
    return [str(one) for one in json.loads(kube.kubectl("-n", SYSTEM, "exec", pod, "--", "python", "-c", code))]


def held() -> tuple[str, str]:
    spec = kube.get("lease", "penstock-operator", SYSTEM)["spec"]
    return str(spec.get("holderIdentity") or ""), str(spec.get("renewTime") or "")


def pod(name: str) -> dict[str, Any]:
    return kube.get("pod", name, SYSTEM)


def broken(lines: list[dict[str, Any]], truth: dict[tuple[str, int], str]) -> list[dict[str, Any]]:
    """Answers that are not of one run, whichever it is."""
    answers = [line for line in lines if "run" in line]
    return [line for line in answers if truth[line["run"], line["image"]] != line["content"]]


def answering(asker: Asker, before: int) -> bool:
    """Whether the last answers came without an error, and after a kill could be felt."""
    lines = asker.lines()[before:]
    return len(lines) > 60 and not [line for line in lines[-20:] if "error" in line]


def test_a_killed_leader_is_replaced_and_the_attempt_is_not_submitted_twice(
    asker: Asker, retrain: Callable[[], str]
) -> None:
    before = len(asker.lines())
    old = quickstart.live_run()
    run = retrain()
    leader = quickstart.leader()
    kube.kill(pod(leader))
    killed, seen = time.monotonic(), held()[1]
    kube.wait("a leader", 2 * FAILOVER_SECONDS, lambda: held()[0] and held()[1] != seen, every=0.2)
    assert time.monotonic() - killed <= FAILOVER_SECONDS
    kube.wait("the run", LIVE_SECONDS, lambda: quickstart.live_run() == run)
    mine = [one for one in attempts() if one["run"] == run]
    assert [one["state"] for one in mine] == ["Succeeded"]
    assert attempts()[-1]["run"] == run
    assert submissions().count(mine[0]["submissionId"]) == 1
    kube.wait("an answer of the run", 30, lambda: asker.lines()[-1].get("run") == run)
    lines = asker.lines()[before:]
    assert [line for line in lines if "error" in line] == []
    assert broken(lines, asker.truth(old, run)) == []


def test_a_leader_that_is_told_to_go_hands_over_at_once(first: str) -> None:
    kube.wait("both operators", 60, lambda: all(map(kube.ready, quickstart.pods("operator"))))
    leader = quickstart.leader()
    kube.kubectl("-n", SYSTEM, "delete", "pod", leader, "--wait=false")
    asked = time.monotonic()
    kube.wait("another leader", 60, lambda: held()[0] not in ("", leader), every=0.1)
    assert time.monotonic() - asked <= HANDOVER_SECONDS
    kube.wait("both operators", 120, lambda: len([one for one in quickstart.pods("operator") if kube.ready(one)]) == 2)


def test_a_killed_ray_costs_an_attempt_and_the_next_one_succeeds(asker: Asker, retrain: Callable[[], str]) -> None:
    before = len(asker.lines())
    old = quickstart.live_run()
    lost = retrain()
    kube.kill(quickstart.pods("ray")[0])
    kube.wait("the retried run", LIVE_SECONDS, lambda: quickstart.live_run() not in (old, lost))
    run = quickstart.live_run()
    states = {one["run"]: one["state"] for one in attempts()}
    assert (states[lost], states[run]) == ("Failed", "Succeeded")
    kube.wait("an answer of the run", 30, lambda: asker.lines()[-1].get("run") == run)
    lines = asker.lines()[before:]
    assert [line for line in lines if "error" in line] == []
    assert broken(lines, asker.truth(old, run)) == []


def test_killed_stores_keep_their_data_and_the_gateway_goes_on(asker: Asker) -> None:
    run = quickstart.live_run()
    truth = asker.truth(run)
    for part in ("redis", "milvus"):
        victim = quickstart.pods(part)[0]
        before = len(asker.lines())
        kube.kill(victim)
        kube.wait(f"an answer since {part} was killed", 120, lambda before=before: answering(asker, before))
        assert broken(asker.lines()[before:], truth) == []
    assert asker.truth(run) == truth


def test_a_killed_gateway_is_missed_for_seconds_at_most(asker: Asker) -> None:
    truth = asker.truth(quickstart.live_run())
    before, kills = len(asker.lines()), []
    for victim in quickstart.pods("gateway"):
        kills.append(time.time())
        kube.kill(victim)
        kube.wait("both gateways", 120, lambda: all(map(kube.ready, quickstart.pods("gateway"))), every=1)
        kube.wait("answers", 60, lambda: answering(asker, before))
    lines = asker.lines()[before:]
    # The Service leads to a dead process until its node tells; the other replica answers meanwhile.
    failed = [line["at"] + line["took"] for line in lines if "error" in line]
    late = [at for at in failed if not any(kill < at < kill + GONE_SECONDS for kill in kills)]
    assert late == []
    assert broken(lines, truth) == []
