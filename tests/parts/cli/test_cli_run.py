"""`penstock run` against the embedded API, with the test as the operator."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import history
import pytest

from penstock_operator.local.apiserver.errors import NotFound

RUN = "r-1"
GATE = {"name": "accurate", "passed": True, "value": 0.97, "bound": ">= 0.95", "message": "0.97"}
OUTPUT = {
    "output": "features",
    "kind": "Features",
    "resource": "digit-features",
    "store": "features",
    "physical": "digit_features__r_1",
    "rows": 1797,
}


NOTHING = ("Unknown", "NothingStaged", "")


def operator(world: Any, job: tuple[str, str, str], refusal: str | None) -> threading.Thread:
    """Bring the job to its end once it is there, then the staging: served, or refused for a reason; None: nothing."""

    def play() -> None:
        until(world, "Materialization")
        progress = {"run": RUN, "step": 3, "total": 12, "metrics": [{"name": "loss", "value": 0.41}]}
        running = {"Succeeded": ("Unknown", "Running", "")}
        world.status("TrainingJob", "digits", conditions=running, progress=progress, progressText="3/12")
        time.sleep(0.3)
        history.train(world, RUN)
        world.status("TrainingJob", "digits", conditions={"Succeeded": job}, latestRun=RUN)
        if refusal is None:
            return
        waiting = {"Staged": ("Unknown", "Staging", "its StagedRun says how far"), "Promoted": NOTHING}
        world.status("Materialization", "digits", conditions=waiting, latest=history.named(RUN))
        time.sleep(0.3)
        history.stage(world, RUN, "Staging", message="loading", progress="2/5")
        time.sleep(0.3)
        if refusal:
            history.state(world, RUN, refusal, message="gate accurate: 0.5", gates=[{**GATE, "passed": False}])
            refused = {"Staged": ("False", refusal, "gate accurate: 0.5"), "Promoted": NOTHING}
            world.status("Materialization", "digits", conditions=refused, latest=history.named(RUN))
            return
        history.state(world, RUN, "Staged", gates=[GATE], outputs=[OUTPUT])
        served = {"Staged": ("True", "Staged", ""), "Promoted": ("True", "Promoted", "")}
        history.serve(world, RUN, active={"outputs": [OUTPUT]}, conditions=served)

    thread = threading.Thread(target=play, daemon=True)
    thread.start()
    return thread


def until(world: Any, kind: str) -> None:
    for _ in range(200):
        try:
            world.get(kind, "digits")
            return
        except NotFound:
            time.sleep(0.05)


def test_run_follows_to_the_end_and_shows_what_is_live(penstock: Any, manifest: Path, world: Any) -> None:
    playing = operator(world, ("True", "Completed", ""), "")
    done = penstock("run", "-f", str(manifest), "--kubeconfig", str(world.kubeconfig), "--timeout", "30")
    playing.join()
    assert done.exit_code == 0, done.output
    assert "trainingjob/digits  Running 3/12 loss=0.41" in done.stdout
    assert "materialization/digits  Staging (loading) 2/5" in done.stdout
    report = done.stdout.split("\n\n", 1)[1]
    assert "trainingjob/digits: run r-1\n  metric accuracy = 0.97" in report
    assert "materialization/digits: run r-1 is live" in report
    assert "view   digit-features   digit_features__r_1   1797" in report
    assert "gate accurate: passed value 0.97, bound >= 0.95" in report
    commands = report.split("Try next:\n")[1].splitlines()
    assert commands[0] == "  penstock query features digit-features image_id=1"
    assert len(commands) == 3


@pytest.mark.parametrize(
    ("job", "refusal", "said"),
    [
        (
            ("False", "AttemptsExhausted", "train.py failed. Its last lines:\nValueError: a lemon"),
            None,
            [
                "trainingjob/digits: AttemptsExhausted: train.py failed",
                "ValueError: a lemon",
                "What to do: Mend the code",
            ],
        ),
        (
            ("True", "Completed", ""),
            "GateFailed",
            ["materialization/digits: GateFailed: gate accurate: 0.5", "What to do: Train a better run"],
        ),
    ],
)
def test_run_says_why_it_failed_and_what_to_do(
    penstock: Any, manifest: Path, world: Any, job: Any, refusal: str | None, said: list[str]
) -> None:
    playing = operator(world, job, refusal)
    failed = penstock("run", "-f", str(manifest), "--kubeconfig", str(world.kubeconfig), "--timeout", "30")
    playing.join()
    assert failed.exit_code == 1
    assert failed.stderr.startswith("Error: ")
    for words in said:
        assert words in failed.stderr


def test_run_ends_when_the_time_is_up_or_the_object_goes(penstock: Any, manifest: Path, world: Any) -> None:
    late = penstock("run", "-f", str(manifest), "--kubeconfig", str(world.kubeconfig), "--timeout", "0.5")
    assert (late.exit_code, "did not end within 0.5 s" in late.stderr) == (6, True)

    def remove() -> None:
        time.sleep(1.0)
        world.do(lambda store: store.delete("TrainingJob", "default", "digits"))

    removing = threading.Thread(target=remove, daemon=True)
    removing.start()
    gone = penstock("run", "-f", str(manifest), "--kubeconfig", str(world.kubeconfig), "--timeout", "20")
    removing.join()
    assert (gone.exit_code, "trainingjob/digits was deleted" in gone.stderr) == (1, True)


def test_run_ends_when_what_it_follows_is_deleted_under_a_staging(penstock: Any, manifest: Path, world: Any) -> None:
    def play() -> None:
        until(world, "Materialization")
        world.status("TrainingJob", "digits", conditions={"Succeeded": ("True", "Completed", "")}, latestRun=RUN)
        history.stage(world, "r-0", "Staging", progress="1/5")
        history.stage(world, RUN, "Staging", progress="2/5")
        for run in ("r-0", RUN):
            # The one that is superseded is followed no more.
            waiting = {"Staged": ("Unknown", "Staging", ""), "Promoted": NOTHING}
            world.status("Materialization", "digits", conditions=waiting, latest=history.named(run))
            time.sleep(1.0)
        history.state(world, "r-0", "Staging", progress="5/5")
        time.sleep(0.5)
        world.do(lambda store: store.delete("Materialization", "default", "digits"))

    playing = threading.Thread(target=play, daemon=True)
    playing.start()
    gone = penstock("run", "-f", str(manifest), "--kubeconfig", str(world.kubeconfig), "--timeout", "30")
    playing.join()
    assert (gone.exit_code, gone.stderr.splitlines()[-1]) == (1, "Error: materialization/digits was deleted")
    assert "Staging 2/5" in gone.stdout
    assert "5/5" not in gone.stdout


def test_a_bad_manifest_is_refused_before_anything_starts(penstock: Any, tmp_path: Path) -> None:
    home = tmp_path / "home"
    refused = penstock("run", "-f", str(tmp_path / "absent"), "--home", str(home))
    assert (refused.exit_code, home.exists()) == (5, False)


def test_doctor_names_what_fails(penstock: Any, world: Any, tmp_path: Path) -> None:
    well = penstock("doctor", "--home", str(tmp_path / "home"))
    assert well.exit_code == 0, well.output
    assert f"ok    The API at {world.url} answers" in well.stdout.splitlines()
    assert any("serves the 8 kinds" in line for line in well.stdout.splitlines())
    world.stop()
    ill = penstock("doctor", "--home", str(tmp_path / "home"))
    assert ill.exit_code == 1
    assert f"FAIL  The API at {world.url}: " in ill.stdout
    assert "1 of" in ill.stderr


def test_init_writes_a_project_that_the_api_takes_and_overwrites_nothing(penstock: Any, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "project"
    assert penstock("init", str(folder)).exit_code == 0
    compile((folder / "train.py").read_text(), "train.py", "exec")
    assert len(penstock("apply", "-f", str(folder)).stdout.splitlines()) == 6
    before = (folder / "train.py").read_text()
    again = penstock("init", str(folder))
    assert (again.exit_code, "not overwritten" in again.stderr) == (1, True)
    assert (folder / "train.py").read_text() == before


def test_crds_and_version(penstock: Any, tmp_path: Path) -> None:
    assert penstock("crds", "print").stdout.count("kind: CustomResourceDefinition") == 8
    assert penstock("crds", "check", str(Path(__file__).parents[3] / "crds")).exit_code == 0
    assert penstock("crds", "check", str(tmp_path)).exit_code == 1
    assert set(json.loads(penstock("version", "-o", "json").stdout)) == {"penstock", "api", "python"}
