"""Verbs on objects: what they print, what they change, how they exit."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import history
import pytest
import yaml

from penstock.api.trainingjob import RERUN_ANNOTATION


def test_apply_prints_what_it_did_in_order(penstock: Any, manifest: Path, world: Any) -> None:
    first = penstock("apply", "-f", str(manifest), "--dry-run")
    assert first.stdout.splitlines()[0] == "featurestore.penstock.dev/features created (dry run)"
    made = penstock("apply", "-f", str(manifest.parent))
    assert made.stdout.splitlines() == [
        "featurestore.penstock.dev/features created",
        "featureview.penstock.dev/digit-features created",
        "trainingjob.penstock.dev/digits created",
        "materialization.penstock.dev/digits created",
    ]
    assert world.get("TrainingJob", "digits")["spec"]["source"]["path"] == str(manifest.parent)
    again = penstock("apply", "-f", "-", stdin=manifest.read_text().split("---")[1])
    assert again.stdout == "featurestore.penstock.dev/features unchanged\n"


def test_exit_codes(penstock: Any, applied: Path, world: Any, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(applied.read_text().replace("entrypoint:", "entrypiont:"))
    refused = penstock("apply", "-f", str(bad))
    assert refused.exit_code == 5
    assert refused.stderr.startswith("Error: ")
    assert 'unknown field "spec.entrypiont"' in refused.stderr
    assert penstock("apply", "-f", str(tmp_path / "absent")).exit_code == 5
    missing = penstock("get", "tj", "absent")
    assert (missing.exit_code, missing.stdout) == (4, "")
    assert "'absent'" in missing.stderr
    assert penstock("get", "pods").exit_code == 2
    assert penstock("wait", "tj/digits", "--for", "Succeeded", "--timeout", "0.2").exit_code == 6
    assert penstock("wait", "tj/digits", "--for", "Succeeded", "--timeout", "soon").exit_code == 2
    assert penstock("get", "tj", "--context", "absent").exit_code == 1
    world.stop()
    assert penstock("get", "tj").exit_code == 7


def test_get_prints_the_columns_of_the_api(penstock: Any, applied: Path, world: Any) -> None:
    world.status("TrainingJob", "digits", conditions={"Succeeded": ("True", "Completed", "")}, latestRun="r-1")
    lines = penstock("get", "tj").stdout.splitlines()
    assert lines[0].split() == ["NAME", "SUCCEEDED", "REASON", "PROGRESS", "RUN", "AGE"]
    assert lines[0].startswith("NAME     SUCCEEDED   REASON      PROGRESS   RUN   AGE")
    assert lines[1].split()[:4] == ["digits", "True", "Completed", "r-1"]
    assert penstock("get", "trainingjobs", "-o", "wide").stdout.splitlines()[0].endswith("ENTRYPOINT   WORKERS")
    assert penstock("get", "trainingjob/digits", "-A").stdout.splitlines()[1].startswith("default     digits")
    every = penstock("get", "all").stdout
    assert every.count("\n\n") == 3
    assert "materialization.penstock.dev/digits" in every
    names = penstock("get", "fview,mat", "-o", "name").stdout.split()
    assert names == ["featureview.penstock.dev/digit-features", "materialization.penstock.dev/digits"]
    assert penstock("get", "fview", "-l", "team=search", "-o", "name").stdout == f"{names[0]}\n"
    none = penstock("get", "vectorstores")
    assert (none.exit_code, none.stdout, none.stderr) == (0, "", "No resources found in default namespace\n")


def test_get_prints_documents_whole(penstock: Any, applied: Path, world: Any) -> None:
    stored = world.get("TrainingJob", "digits")
    assert yaml.safe_load(penstock("get", "tj", "digits", "-o", "yaml").stdout) == stored
    listed = json.loads(penstock("get", "tj", "-o", "json").stdout)
    assert (listed["kind"], listed["items"]) == ("List", [stored])


def test_a_watch_prints_a_line_for_each_change(applied: Path, world: Any) -> None:
    command = [sys.executable, "-m", "penstock.cli", "get", "tj", "-w", "--kubeconfig", str(world.kubeconfig)]
    watch = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    ending = threading.Timer(20, watch.kill)
    ending.start()
    assert watch.stdout is not None
    try:
        assert watch.stdout.readline().startswith("NAME")
        assert watch.stdout.readline().startswith("digits")
        world.status("TrainingJob", "digits", conditions={"Succeeded": ("Unknown", "Running", "")})
        assert watch.stdout.readline().split()[:3] == ["digits", "Unknown", "Running"]
        watch.send_signal(signal.SIGINT)
        assert watch.wait(10) == 130
    finally:
        ending.cancel()
        watch.kill()
        watch.wait()
        watch.stdout.close()


def test_runs_and_stagings_are_listed_selected_and_described(penstock: Any, applied: Path, world: Any) -> None:
    history.train(world, "r-1")
    history.train(world, "r-2", job="other")
    history.stage(world, "r-1", keptAs="Active", progress="1/1", tries=1)
    history.stage(world, "r-2", "GateFailed", materialization="other")
    lines = [line.split() for line in penstock("get", "trainingruns").stdout.splitlines()]
    assert lines[0] == ["NAME", "READY", "JOB", "ATTEMPT", "SERVED", "BY", "AGE"]
    assert [line[:4] for line in lines[1:]] == [["r-1", "True", "digits", "1"], ["r-2", "True", "other", "1"]]
    lines = [line.split() for line in penstock("get", "srun", "-o", "wide").stdout.splitlines()]
    assert lines[0] == ["NAME", "READY", "REASON", "MATERIALIZATION", "RUN", "KEPT", "AS", "AGE", "PROGRESS", "TRIES"]
    assert lines[1][:6] == ["digits-r-1", "True", "Staged", "digits", "r-1", "Active"]
    assert lines[2][:5] == ["other-r-2", "False", "GateFailed", "other", "r-2"]
    of_other = penstock("get", "stagedruns", "-l", "penstock.dev/materialization=other", "-o", "name")
    assert of_other.stdout == "stagedrun.penstock.dev/other-r-2\n"
    assert yaml.safe_load(penstock("get", "trun/r-1", "-o", "yaml").stdout) == world.get("TrainingRun", "r-1")
    listed = json.loads(penstock("get", "trun", "-l", "penstock.dev/job=digits", "-o", "json").stdout)
    assert [item["metadata"]["name"] for item in listed["items"]] == ["r-1"]
    job = penstock("describe", "tj/digits").stdout.splitlines()
    assert "  r-1   1" in [line[:9] for line in job]
    assert not any("r-2" in line for line in job)
    assert "  digits-r-1   r-1   Staged   Staged   Active" in penstock("describe", "mat", "digits").stdout
    assert "  digits-r-1   digits            Staged   Staged   Active" in penstock("describe", "trun", "r-1").stdout
    assert "Run:          trainingrun/r-2\n" in penstock("describe", "srun/other-r-2").stdout
    assert penstock("wait", "srun", "-l", "penstock.dev/run=r-1", "--for", "Ready").exit_code == 0
    ended = penstock("wait", "srun/other-r-2", "--for", "Ready")
    assert (ended.exit_code, "Ready is False (GateFailed)" in ended.stderr) == (1, True)


def test_describe_says_what_to_do(penstock: Any, applied: Path, world: Any) -> None:
    gate = {"name": "accurate", "passed": False, "value": 0.5, "bound": ">= 0.95", "message": "accuracy is 0.5"}
    history.stage(world, "r-1", "GateFailed", gates=[gate])
    text = penstock("describe", "mat", "digits").stdout
    assert "accurate   FAILED   0.5     >= 0.95   accuracy is 0.5" in text
    assert "trainingJobRef:\n    name: digits" in text
    advice = "  Ready (GateFailed): Train a better run, or change the gate."
    assert advice in penstock("describe", "stagedrun", "digits-r-1").stdout.splitlines()
    world.status("TrainingJob", "digits", conditions={"Succeeded": ("Unknown", "Suspended", "")})
    assert "`penstock resume trainingjob/digits` starts it again" in penstock("describe", "tj/digits").stdout


def test_promote_and_rollback_move_the_pin(penstock: Any, applied: Path, world: Any) -> None:
    refused = penstock("rollback", "digits")
    assert (refused.exit_code, "no previous run" in refused.stderr) == (1, True)
    for run in ("r-1", "r-2"):
        history.stage(world, run)
    history.serve(world, "r-2", previous="r-1")
    done = penstock("rollback", "materialization/digits")
    assert done.stdout == "materialization.penstock.dev/digits rolled back: run r-1 (pinned)\n"
    assert world.get("Materialization", "digits")["spec"]["pinnedRunRef"] == {"name": "r-1"}
    served = penstock("promote", "digits", "--wait", "--timeout", "5")
    assert served.stdout.splitlines() == [
        "materialization.penstock.dev/digits promoted: run r-2 (the newest, not pinned)",
        "materialization.penstock.dev/digits serves run r-2",
    ]
    assert "pinnedRunRef" not in world.get("Materialization", "digits")["spec"]
    assert penstock("promote", "tj/digits").exit_code == 2
    history.train(world, "r-3")
    later = penstock("promote", "digits", "--run", "r-3")
    assert later.stdout == "materialization.penstock.dev/digits promoted: run r-3 (pinned; it is staged first)\n"
    world.do(lambda store: store.delete("StagedRun", "default", "digits-r-1"))
    gone = penstock("rollback", "digits")
    assert (gone.exit_code, "cannot go back to run 'r-1'" in gone.stderr) == (1, True)


def test_suspend_resume_rerun_logs_and_wait(penstock: Any, applied: Path, world: Any) -> None:
    assert penstock("suspend", "tj/digits").stdout == "trainingjob.penstock.dev/digits suspended\n"
    assert world.get("TrainingJob", "digits")["spec"]["suspend"] is True
    assert penstock("resume", "tj", "digits").stdout == "trainingjob.penstock.dev/digits resumed\n"
    assert penstock("suspend", "fview/digit-features").exit_code == 1
    assert penstock("rerun", "digits").exit_code == 0
    assert world.get("TrainingJob", "digits")["metadata"]["annotations"][RERUN_ANNOTATION]
    assert penstock("logs", "digits", "--attempt", "2").stdout.splitlines()[0] == "TrainingJob/default/digits attempt 2"
    answered = {"observedRerunToken": world.get("TrainingJob", "digits")["metadata"]["annotations"][RERUN_ANNOTATION]}
    world.status(
        "TrainingJob", "digits", conditions={"Succeeded": ("False", "AttemptsExhausted", "no luck")}, **answered
    )
    failed = penstock("wait", "tj/digits", "--for", "condition=Succeeded")
    assert (failed.exit_code, "AttemptsExhausted): no luck" in failed.stderr) == (1, True)
    met = penstock("wait", "tj/digits", "--for", "Succeeded=False")
    assert met.stdout == "trainingjob.penstock.dev/digits condition met (Succeeded=False)\n"


def test_delete_by_name_and_by_file(penstock: Any, applied: Path, world: Any) -> None:
    assert penstock("delete", "mat").exit_code == 2
    assert penstock("delete", "mat", "digits").stdout == "materialization.penstock.dev/digits deleted\n"
    assert penstock("delete", "mat/digits").exit_code == 4
    rest = penstock("delete", "-f", str(applied), "--ignore-not-found")
    assert [line.split()[0] for line in rest.stdout.splitlines()] == [
        "trainingjob.penstock.dev/digits",
        "featureview.penstock.dev/digit-features",
        "featurestore.penstock.dev/features",
    ]
    assert penstock("get", "all").stdout == ""


def test_all_leaves_the_runs_to_what_they_are_of(penstock: Any, applied: Path, world: Any) -> None:
    history.train(world, "r-1")
    history.stage(world, "r-1")
    assert "trainingrun.penstock.dev/r-1" in penstock("get", "all", "-o", "name").stdout.split()
    gone = penstock("delete", "all", "--all").stdout.split()
    assert "trainingjob.penstock.dev/digits" in gone
    assert not [name for name in gone if name.startswith(("trainingrun.", "stagedrun."))]
    assert penstock("delete", "trainingrun/r-1").stdout == "trainingrun.penstock.dev/r-1 deleted\n"
    assert penstock("delete", "srun", "--all").stdout == "stagedrun.penstock.dev/digits-r-1 deleted\n"


@pytest.mark.parametrize(
    ("target", "kind", "status", "rule"),
    [
        (
            "trainingrun/r-1",
            "TrainingRun",
            {"keptBy": ["digits"]},
            "the run is served, pinned, or what a rollback goes back to: promote another one first, or delete the "
            "Materialization",
        ),
        (
            "stagedrun/digits-r-1",
            "StagedRun",
            {"keptAs": "Previous"},
            "the run is served, pinned, or what a rollback goes back to: promote another one first",
        ),
    ],
)
def test_a_refused_deletion_is_one_line(
    penstock: Any, applied: Path, world: Any, target: str, kind: str, status: dict[str, Any], rule: str
) -> None:
    history.train(world, "r-1")
    history.stage(world, "r-1")
    name = target.split("/")[1]
    world.status(kind, name, **status)
    refused = penstock("delete", target)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr == f"Error: {kind.lower()}.penstock.dev/{name} cannot be deleted: {rule}\n"
    world.status(kind, name)
    assert penstock("delete", target).exit_code == 0


def test_every_namespace_is_described_and_deleted_only_without_names(penstock: Any, applied: Path, world: Any) -> None:
    elsewhere = ("--namespace", "elsewhere")
    assert penstock("apply", "-f", str(applied), *elsewhere).exit_code == 0
    text = penstock("describe", "fst", "-A").stdout
    assert [line.split()[-1] for line in text.splitlines() if line.startswith("Namespace:")] == ["default", "elsewhere"]
    for words in (("describe", "fst", "features"), ("delete", "fst", "features"), ("delete", "-f", str(applied))):
        assert penstock(*words, "-A").exit_code == 2
    done = penstock("delete", "fst", "--all", "-A", "--no-wait")
    assert done.stdout.splitlines() == ["featurestore.penstock.dev/features deleted"] * 2
    assert penstock("get", "fst", "-A").stdout == ""


def test_every_object_is_awaited_also_those_of_other_namespaces(penstock: Any, applied: Path, world: Any) -> None:
    assert penstock("apply", "-f", str(applied), "-n", "elsewhere").exit_code == 0
    world.status("TrainingJob", "digits", conditions={"Succeeded": ("True", "Completed", "")})
    here = penstock("wait", "tj", "--all", "--for", "Succeeded", "--timeout", "5")
    met = "trainingjob.penstock.dev/digits condition met (Succeeded=True)"
    assert here.stdout.splitlines() == [met]
    waiting = penstock("wait", "tj", "--all", "-A", "--for", "Succeeded", "--timeout", "0.2")
    assert (waiting.exit_code, "Succeeded=True did not come" in waiting.stderr) == (6, True)
    world.status("TrainingJob", "digits", "elsewhere", conditions={"Succeeded": ("True", "Completed", "")})
    everywhere = penstock("wait", "tj", "--all", "-A", "--for", "Succeeded", "--timeout", "5")
    assert everywhere.stdout.splitlines() == [met, met]
    assert penstock("wait", "fview", "-l", "team=other", "--for", "delete", "-A").exit_code == 0
    nobody = penstock("wait", "fview", "-l", "team=other", "--for", "Ready", "-A")
    assert (nobody.exit_code, nobody.stderr) == (1, "Error: There is no fview to wait for\n")
    for words in (("tj/digits", "-A"), ("tj", "digits", "--all"), ("tj",), ("tj", "-A")):
        assert penstock("wait", *words, "--for", "Succeeded").exit_code == 2


def test_an_empty_name_deletes_nothing(penstock: Any, applied: Path, world: Any) -> None:
    for words in (("tj", ""), ("tj/",), ("tj", "..")):
        assert penstock("delete", *words, "--no-wait").exit_code in (1, 2)
    assert world.get("TrainingJob", "digits")["metadata"]["name"] == "digits"


def test_what_is_missing_keeps_nothing_else_from_being_deleted(penstock: Any, applied: Path) -> None:
    assert penstock("delete", "mat", "digits").exit_code == 0
    rest = penstock("delete", "-f", str(applied))
    assert (rest.exit_code, "'digits'" in rest.stderr) == (4, True)
    assert penstock("get", "all").stdout == ""


def test_a_secret_goes_after_what_needs_it_to_clean_up(penstock: Any, world: Any, tmp_path: Path) -> None:
    meta = {"name": "vectors", "finalizers": ["penstock.dev/finalizer"]}
    store = {"apiVersion": "penstock.dev/v1alpha1", "kind": "VectorStore", "metadata": meta, "spec": {}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}, "stringData": {"a": "b"}}
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all([secret, store]))
    assert penstock("apply", "-f", str(tmp_path / "all.yaml")).exit_code == 0
    waited = penstock("delete", "-f", str(tmp_path / "all.yaml"), "--timeout", "0.5")
    assert waited.exit_code == 6
    assert world.get("Secret", "key")["metadata"]["name"] == "key"


@pytest.mark.parametrize("words", [("apply", "-f", "-"), ("delete",), ("get",)])
def test_too_little_is_an_error(penstock: Any, words: tuple[str, ...]) -> None:
    assert penstock(*words, stdin="").exit_code in (2, 5)
