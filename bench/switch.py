"""Does an answer ever mix two runs, and what does a switch cost those who ask?

    python bench/switch.py [--answers 100000] [--switches 20]

Clients search by raw input with features joined while promotions and rollbacks happen. An answer is whole when the run
that it names, the field beside the vector, the joined feature, and the score (1.0 only where encoder and vectors are of
one run) all say the same. The peer, in the same stack under the same switches: a client that asks Milvus by its alias
and Feast by its service, one after the other, as is done without a gateway.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from local import quantile, stack

from penstock import AsyncClient
from penstock.api import Materialization, TrainingJob
from penstock.client import gateway_url
from penstock.serving import AsyncGatewayClient, SearchAnswer, ServingError

PROJECT = Path(__file__).parent / "switch"
ROWS, WIDTH = 2000, 16
INPUTS = np.random.default_rng(0).normal(size=(ROWS, WIDTH)).astype(np.float32).tolist()


class Load:
    """Clients side by side, each with one question at a time."""

    def __init__(self, url: str, salts: dict[str, int]) -> None:
        self.url = url
        self.salts = salts
        self.seconds: list[float] = []
        self.answers: dict[str, int] = dict.fromkeys(salts, 0)
        self.mixed: list[str] = []
        self.errors: list[str] = []

    async def run(self, clients: int, until: int) -> None:
        """Ask until so many answers have come since the load was made."""
        await asyncio.gather(*(self._client(number, until) for number in range(clients)))

    async def _client(self, number: int, until: int) -> None:
        async with AsyncGatewayClient(self.url) as gateway:
            row = number
            while len(self.seconds) < until:
                row = (row + 7) % ROWS
                started = time.perf_counter()
                try:
                    answer = await gateway.search(
                        "default", "switch", "points", inputs=[INPUTS[row]], k=1, join={"view": "rows"}
                    )
                except ServingError as error:
                    self.errors.append(str(error))
                    continue
                self.seconds.append(time.perf_counter() - started)
                self._check(row, answer)

    def _check(self, row: int, answer: SearchAnswer) -> None:
        (hit,) = answer.results[0]
        salt = self.salts.get(answer.run)
        whole = (
            hit.id == row
            and hit.fields["salt"] == salt
            and (hit.features or {}).get("salt") == salt
            and abs(hit.score - 1.0) < 1e-4
        )
        if whole:
            self.answers[answer.run] += 1
        else:
            self.mixed.append(f"row {row}: {answer}")


class Peer(threading.Thread):
    """Asks the alias, then the service, and compares."""

    def __init__(self, home: Path) -> None:
        super().__init__(daemon=True)
        self._installation = json.loads((home / "installation.json").read_text())
        self.answers = self.mixed = self.errors = 0
        self.done = threading.Event()

    def run(self) -> None:
        from feast import FeatureStore, RepoConfig
        from pymilvus import MilvusClient

        config = RepoConfig(
            project="switch",
            provider="local",
            registry={**self._installation["feastRegistry"], "cache_ttl_seconds": 0},
            online_store=self._installation["feastOnlineStore"],
            offline_store={"type": "file"},
            entity_key_serialization_version=3,
            repo_path=".",
        )
        store, milvus = FeatureStore(config=config), MilvusClient(uri=self._installation["milvusUri"])
        while not self.done.is_set():
            try:
                found = milvus.search("points", data=[[1.0] * WIDTH], limit=1, output_fields=["salt"])[0][0]
                # The best such a client can do: Feast by itself keeps its copy of the registry for minutes.
                store.refresh_registry()
                service = store.get_feature_service("rows")
                features = store.get_online_features(service, [{"id": found["id"]}]).to_dict()
            except Exception:
                self.errors += 1
                continue
            self.answers += 1
            self.mixed += features["salt"] != [found["entity"]["salt"]]


async def two_runs(client: AsyncClient) -> dict[str, int]:
    """Train twice with another salt each time; the salt of each run."""
    salts = {}
    for salt in (1, 2):
        params = [{"name": "salt", "value": str(salt)}, {"name": "rows", "value": str(ROWS)}]
        await client.patch(TrainingJob, "switch", {"spec": {"params": params}})
        job = await client.wait(TrainingJob, "switch", "Succeeded", 300)
        assert job is not None
        assert job.status.latest_run is not None
        await client.wait_served("switch", job.status.latest_run, 300)
        salts[job.status.latest_run] = salt
    return salts


async def switching(client: AsyncClient, load: Load, clients: int, answers: int, switches: int) -> list[float]:
    """Roll back and promote in turn, evenly over the answers; the seconds from the call to the first answer."""
    took = []
    asking = asyncio.create_task(load.run(clients, answers))
    for number in range(switches):
        while len(load.seconds) < answers * (number + 0.5) / switches:
            await asyncio.sleep(0.02)
        started = time.perf_counter()
        mat = await (client.rollback("switch") if number % 2 == 0 else client.promote("switch"))
        pinned = mat.spec.pinned_run_ref
        run = pinned.name if pinned is not None else list(load.salts)[-1]
        before = load.answers[run]
        while load.answers[run] == before and not asking.done():
            await asyncio.sleep(0.002)
        took.append(time.perf_counter() - started)
    await asking
    return took


async def measure(home: Path, answers: int, switches: int, clients: int) -> dict[str, Any]:
    async with AsyncClient() as client:
        await client.apply_path(PROJECT)
        salts = await two_runs(client)
        url = gateway_url()
        rest = Load(url, salts)
        await rest.run(clients, answers // 5)
        print(f"At rest: {len(rest.seconds)} answers", file=sys.stderr)
        busy = Load(url, salts)
        took = await switching(client, busy, clients, answers, switches)
        print(f"Switching: {len(busy.seconds)} answers", file=sys.stderr)
        active = (await client.get(Materialization, "switch")).status.active
        peer = Peer(home)
        peer.start()
        slow = Load(url, salts)
        await switching(client, slow, 1, 4000, switches)
        peer.done.set()
    return {
        "answers": len(busy.seconds),
        "switches": switches,
        "mixed": len(rest.mixed) + len(busy.mixed) + len(slow.mixed),
        "errors": len(rest.errors) + len(busy.errors) + len(slow.errors),
        "answers_of_each_run": busy.answers,
        "served_at_the_end": active.run if active is not None else None,
        "clients": clients,
        "rest_p50_ms": quantile(rest.seconds, 0.5),
        "rest_p99_ms": quantile(rest.seconds, 0.99),
        "switching_p50_ms": quantile(busy.seconds, 0.5),
        "switching_p99_ms": quantile(busy.seconds, 0.99),
        "switching_max_ms": quantile(busy.seconds, 1.0),
        "switch_p50_ms": quantile(took, 0.5),
        "switch_max_ms": quantile(took, 1.0),
        "peer_answers": peer.answers,
        "peer_mixed": peer.mixed,
        "peer_errors": peer.errors,
        "first_trouble": (busy.mixed + busy.errors + [""])[0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=100_000)
    parser.add_argument("--switches", type=int, default=20)
    parser.add_argument("--clients", type=int, default=4)
    flags = parser.parse_args()
    with stack() as home:
        found = asyncio.run(measure(home, flags.answers, flags.switches, flags.clients))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
