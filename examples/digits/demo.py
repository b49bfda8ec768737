"""What `penstock run -f examples/digits` made live: asked, retrained, switched under live queries, and rolled back.

Run it beside a local stack on which the example is live: `make demo` does both.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from sklearn.datasets import load_digits

from penstock import Client
from penstock.api import Materialization, TrainingJob
from penstock.client import gateway_url
from penstock.serving import GatewayClient, SearchAnswer, ServingError

NAMESPACE, NAME, VIEW, COLLECTION = "default", "digits", "digit-features", "digit-images"
RETRAINED = [
    {"name": "epochs", "value": "20"},
    {"name": "learning_rate", "value": "0.002"},
    {"name": "seed", "value": "1"},
]
PROBES = 40
PAUSE_SECONDS = 0.02

DIGITS = load_digits()
HELD_OUT = range(0, len(DIGITS.images), 5)


class Asker(threading.Thread):
    """Asks for the neighbours of held-out images, features joined, until told to stop; keeps every answer."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url = url
        self.answers: list[tuple[int, SearchAnswer]] = []
        self.errors: list[str] = []
        self.done = threading.Event()

    def run(self) -> None:
        with GatewayClient(self.url) as gateway:
            while not self.done.wait(PAUSE_SECONDS):
                image = HELD_OUT[len(self.answers) % PROBES]
                try:
                    self.answers.append((image, ask(gateway, image)))
                except ServingError as error:
                    self.errors.append(str(error))


def ask(gateway: GatewayClient, image: int, run: str | None = None) -> SearchAnswer:
    return gateway.search(NAMESPACE, NAME, COLLECTION, inputs=[DIGITS.images[image]], k=5, join={"view": VIEW}, run=run)


def content(answer: SearchAnswer) -> list[tuple[Any, ...]]:
    """What an answer says: ids, scores by this run's encoder and vectors, features of this run."""
    return [(hit.id, round(hit.score, 4), round((hit.features or {})["typicality"], 4)) for hit in answer.results[0]]


def accuracy(gateway: GatewayClient) -> float:
    """The share of held-out images whose five neighbours, found by the gateway, vote for the right digit."""
    right = 0
    for start in range(0, len(HELD_OUT), 120):
        images = HELD_OUT[start : start + 120]
        found = gateway.search(NAMESPACE, NAME, COLLECTION, inputs=[DIGITS.images[i] for i in images], k=5)
        for image, hits in zip(images, found.results, strict=True):
            vote = Counter(hit.fields["label"] for hit in hits).most_common(1)[0][0]
            right += int(vote == DIGITS.target[image])
    return right / len(HELD_OUT)


def show_answers(gateway: GatewayClient) -> None:
    answer = gateway.features(NAMESPACE, NAME, VIEW, [{"image_id": 3}])
    shown = ", ".join(f"{name} {value:.4g}" for name, value in (answer.rows[0] or {}).items())
    print(f"  features of image 3                 {shown}")
    for image in HELD_OUT[2:5]:
        hits = ask(gateway, image).results[0]
        near = ", ".join(f"{hit.id} (a {hit.fields['label']}, {hit.score:.3f})" for hit in hits[:3])
        print(f"  neighbours of held-out image {image:<4} (a {DIGITS.target[image]}): {near}")
    print(f"  held-out 5-nearest-neighbour accuracy, through the gateway: {accuracy(gateway):.4f}")


def wait_answered(gateway: GatewayClient, run: str) -> None:
    """Until the gateway answers from a run: it loads a run before it switches to it."""
    while gateway.describe(NAMESPACE, NAME)["run"] != run:
        time.sleep(0.05)


def retrain(client: Client, gateway: GatewayClient) -> str:
    """Train with other parameters, and wait until the new run is live."""
    generation = client.patch(TrainingJob, NAME, {"spec": {"params": RETRAINED}}).metadata.generation
    for change in client.watch(TrainingJob, NAME):
        job = change.resource
        condition = next((one for one in job.status.conditions if one.type == "Succeeded"), None)
        if condition is None or condition.observed_generation != generation:
            continue
        if condition.status == "False":
            sys.exit(f"Error: trainingjob/{NAME}: {condition.message}")
        if condition.status == "True" and job.status.latest_run is not None:
            run = job.status.latest_run
            break
    client.wait_served(NAME, run, timeout=300)
    wait_answered(gateway, run)
    return run


def check(gateway: GatewayClient, asker: Asker, runs: list[str]) -> int:
    """Compare every answer with what the run that it names says by itself; how many differ."""
    truth = {(run, image): content(ask(gateway, image, run)) for run in runs for image in HELD_OUT[:PROBES]}
    return sum(content(answer) != truth.get((answer.run, image)) for image, answer in asker.answers)


def main() -> int:
    with Client() as client, GatewayClient(gateway_url()) as gateway:
        first = client.get(Materialization, NAME).status.active_run
        if first is None:
            sys.exit(f"Error: nothing is live under materialization/{NAME}: `penstock run -f examples/digits` first")
        wait_answered(gateway, first)
        print(f"\nAsking the gateway, run {first}:")
        show_answers(gateway)

        parameters = ", ".join(f"{one['name']} {one['value']}" for one in RETRAINED)
        print(f"\nRetraining with {parameters}, while queries go on")
        asker = Asker(gateway.url)
        asker.start()
        second = retrain(client, gateway)
        print(f"  run {second} is live; held-out accuracy through the gateway: {accuracy(gateway):.4f}")
        time.sleep(1)
        client.rollback(NAME)
        client.wait_served(NAME, first)
        wait_answered(gateway, first)
        print(f"  rolled back: run {first} is live again")
        time.sleep(1)
        asker.done.set()
        asker.join()

        mixed = check(gateway, asker, [first, second])
        told = Counter(answer.run for _, answer in asker.answers)
        print(
            f"\n{len(asker.answers)} answers meanwhile: {told[first]} of run {first}, {told[second]} of run {second};"
        )
        print(f"  {mixed} mixed two runs, {len(asker.errors)} failed")

        image = Path(".penstock") / "image.json"
        image.write_text(json.dumps(DIGITS.images[HELD_OUT[2]].tolist()))
        print("\nThe local stack goes on. Try next:")
        print(f"  penstock query vectors {COLLECTION} --input @{image} -k 3 --join {VIEW}")
        print(f"  penstock promote {NAME}            # serves the newest run again")
        print(f"  penstock describe materialization/{NAME}")
        print("`penstock down` stops it.")
    return 1 if mixed or asker.errors else 0


if __name__ == "__main__":
    sys.exit(main())
