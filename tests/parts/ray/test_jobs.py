"""The Jobs API of a real Ray, and of one that is away."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

from penstock_operator.adapters.ray.jobs import RayJobs
from penstock_operator.ports import JobState, RayJob, RaySubmission, Unreachable


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def outside_worker_range() -> int:
    return next(port for port in iter(free_port, None) if not 10_000 <= port <= 19_999)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A Ray head of our own."""
    dashboard = outside_worker_range()
    with tempfile.TemporaryDirectory(prefix="ray-") as temp:
        head = subprocess.Popen(
            [
                str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", "--disable-usage-stats",
                "--node-ip-address=127.0.0.1", f"--port={outside_worker_range()}", f"--temp-dir={temp}",
                "--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}", "--num-cpus=2",
                f"--dashboard-agent-listen-port={outside_worker_range()}",
                f"--ray-client-server-port={outside_worker_range()}",
                "--object-store-memory=100000000",
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            # A token that lies in the home folder would turn authentication on.
            env={
                **os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled", "OF_THE_POD": "seen",
            },
        )  # fmt: skip
        url = f"http://127.0.0.1:{dashboard}"
        try:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                try:
                    if httpx2.get(f"{url}/api/version", timeout=2).status_code == 200:
                        break
                except httpx2.HTTPError:
                    time.sleep(0.2)
            yield url
        finally:
            family = [*psutil.Process(head.pid).children(recursive=True), psutil.Process(head.pid)]
            for process in family:
                if process.is_running():
                    process.kill()
            psutil.wait_procs(family, timeout=10)


async def ended(ray: RayJobs, submission_id: str) -> RayJob:
    for _ in range(300):
        job = await ray.job(submission_id)
        if job is not None and job.state.terminal:
            return job
        await asyncio.sleep(0.1)
    raise AssertionError("The job did not end")


@pytest.mark.ray
async def test_a_submission_is_accepted_once_however_often_it_is_posted(address: str, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    submission = RaySubmission("once", f"sh -c 'echo ran >> {marks}; echo said $WHO'", {"WHO": "Penstock"})
    async with RayJobs(address) as ray:
        await asyncio.gather(*(ray.submit(submission) for _ in range(4)))
        assert (await ended(ray, "once")).state is JobState.SUCCEEDED
        await ray.submit(submission)
        assert "said Penstock" in await ray.logs("once")
        assert await ray.session() == await ray.session()
    assert marks.read_text().splitlines() == ["ran"]


@pytest.mark.ray
async def test_the_variables_of_a_node_reach_the_entrypoint_and_its_workers(address: str, tmp_path: Path) -> None:
    """So a Secret that KubeRay's pods have as a variable needs no place in the submission."""
    script = tmp_path / "script.py"
    script.write_text(
        "import os, ray\n"
        "look = lambda: os.environ['OF_THE_POD'] + os.environ['OF_THE_JOB']\n"
        "print('entrypoint', look())\n"
        "print('worker', ray.get(ray.remote(look).remote()))\n"
    )
    async with RayJobs(address) as ray:
        await ray.submit(RaySubmission("variables", f"{sys.executable} {script}", {"OF_THE_JOB": "too"}))
        assert (await ended(ray, "variables")).state is JobState.SUCCEEDED
        logs = await ray.logs("variables", 0)
    assert "entrypoint seentoo" in logs
    assert "worker seentoo" in logs


@pytest.mark.ray
async def test_stop_failure_and_deletion(address: str) -> None:
    async with RayJobs(address) as ray:
        await ray.submit(RaySubmission("slow", "sleep 100"))
        await ray.submit(RaySubmission("bad", "sh -c 'echo the cause >&2; exit 3'"))
        assert (await ended(ray, "bad")).state is JobState.FAILED
        assert "the cause" in await ray.logs("bad", 3)
        await ray.stop("slow")
        assert (await ended(ray, "slow")).state is JobState.STOPPED
        await ray.stop("slow")
        await ray.delete("slow")
        assert await ray.job("slow") is None
        await ray.delete("slow")
        await ray.stop("slow")
        assert await ray.logs("slow") == ""


async def test_a_ray_that_is_away_is_unreachable() -> None:
    async with RayJobs(f"http://127.0.0.1:{free_port()}") as ray:
        with pytest.raises(Unreachable, match="did not answer"):
            await ray.job("any")
