"""What `penstock run -f examples/digits` made live: asked, retrained, switched under live queries, and rolled back.

Run it beside a local stack on which the example is live (`make demo` does both), or against a cluster in which it is:
`demo.py --context NAME -n NAMESPACE`.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sklearn.datasets import load_digits

from penstock import Client
from penstock.api import Materialization, TrainingJob
from penstock.client import gateway_client
from penstock.serving import GatewayClient, SearchAnswer, ServingError

NAME, VIEW, COLLECTION = "digits", "digit-features", "digit-images"
STACK = Path(".penstock")
RETRAINED = [
    {"name": "epochs", "value": "20"},
    {"name": "learning_rate", "value": "0.002"},
    {"name": "seed", "value": "1"},
]
PROBES = 40
PAUSE_SECONDS = 0.02

DIGITS = load_digits()
HELD_OUT = range(0, len(DIGITS.images), 5)


class Digits:
    """The gateway, asked for the digits of a namespace."""

    def __init__(self, gateway: GatewayClient, namespace: str) -> None:
        self.gateway, self.namespace = gateway, namespace

    def run(self) -> str:
        return str(self.gateway.describe(self.namespace, NAME)["run"])

    def features(self, image: int) -> dict[str, Any]:
        return self.gateway.features(self.namespace, NAME, VIEW, [{"image_id": image}]).rows[0] or {}

    def near(self, images: list[int], join: bool = True, run: str | None = None) -> SearchAnswer:
        inputs, joined = [DIGITS.images[image] for image in images], {"view": VIEW} if join else None
        return self.gateway.search(self.namespace, NAME, COLLECTION, inputs=inputs, k=5, join=joined, run=run)


class Asker(threading.Thread):
    """Asks for the neighbours of held-out images, features joined, until told to stop; keeps every answer."""

    def __init__(self, connect: Callable[[], GatewayClient], namespace: str) -> None:
        super().__init__(daemon=True)
        self.connect, self.namespace = connect, namespace
        self.answers: list[tuple[int, SearchAnswer]] = []
        self.errors: list[str] = []
        self.done = threading.Event()

    def run(self) -> None:
        with self.connect() as gateway:
            digits = Digits(gateway, self.namespace)
            while not self.done.wait(PAUSE_SECONDS):
                image = HELD_OUT[len(self.answers) % PROBES]
                try:
                    self.answers.append((image, digits.near([image])))
                except ServingError as error:
                    self.errors.append(str(error))


def content(answer: SearchAnswer) -> list[tuple[Any, ...]]:
    """What an answer says: ids, scores by this run's encoder and vectors, features of this run."""
    return [(hit.id, round(hit.score, 4), round((hit.features or {})["typicality"], 4)) for hit in answer.results[0]]


def accuracy(digits: Digits) -> float:
    """The share of held-out images whose five neighbours, found by the gateway, vote for the right digit."""
    right = 0
    for start in range(0, len(HELD_OUT), 120):
        images = HELD_OUT[start : start + 120]
        found = digits.near(list(images), join=False)
        for image, hits in zip(images, found.results, strict=True):
            vote = Counter(hit.fields["label"] for hit in hits).most_common(1)[0][0]
            right += int(vote == DIGITS.target[image])
    return right / len(HELD_OUT)


def show_answers(digits: Digits) -> None:
    shown = ", ".join(f"{name} {value:.4g}" for name, value in digits.features(3).items())
    print(f"  features of image 3                 {shown}")
    for image in HELD_OUT[2:5]:
        hits = digits.near([image]).results[0]
        near = ", ".join(f"{hit.id} (a {hit.fields['label']}, {hit.score:.3f})" for hit in hits[:3])
        print(f"  neighbours of held-out image {image:<4} (a {DIGITS.target[image]}): {near}")
    print(f"  held-out 5-nearest-neighbour accuracy, through the gateway: {accuracy(digits):.4f}")


def wait_answered(digits: Digits, run: str) -> None:
    """Until the gateway answers from a run: it loads a run before it switches to it."""
    while digits.run() != run:
        time.sleep(0.05)


def retrain(client: Client, digits: Digits) -> str:
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
    wait_answered(digits, run)
    return run


def check(digits: Digits, asker: Asker, runs: list[str]) -> int:
    """Compare every answer with what the run that it names says by itself; how many differ."""
    truth = {(run, image): content(digits.near([image], run=run)) for run in runs for image in HELD_OUT[:PROBES]}
    return sum(content(answer) != truth.get((answer.run, image)) for image, answer in asker.answers)


def show_next(flags: str) -> None:
    folder = STACK if STACK.is_dir() else Path()
    image = folder / "image.json"
    image.write_text(json.dumps(DIGITS.images[HELD_OUT[2]].tolist()))
    print("\nTry next:")
    print(f"  penstock query vectors {COLLECTION} --input @{image} -k 3 --join {VIEW}{flags}")
    print(f"  penstock promote {NAME}{flags}            # serves the newest run again")
    print(f"  penstock describe materialization/{NAME}{flags}")
    if folder is STACK:
        print("The local stack goes on: `penstock down` stops it.")


def main() -> int:
    parser = argparse.ArgumentParser(description="Ask, retrain, switch under live queries, roll back.")
    parser.add_argument("--context", help="context of the kubeconfig; unset, the local stack's or the current one")
    parser.add_argument("-n", "--namespace", help="namespace of the example; unset, the context's")
    chosen = parser.parse_args()

    def connect() -> GatewayClient:
        return gateway_client(context=chosen.context)

    with Client(context=chosen.context, namespace=chosen.namespace) as client, connect() as gateway:
        digits = Digits(gateway, client.namespace)
        active = client.get(Materialization, NAME).status.active
        if active is None:
            sys.exit(f"Error: nothing is live under materialization/{NAME}: `penstock run -f examples/digits` first")
        first = active.run
        wait_answered(digits, first)
        print(f"\nAsking the gateway, run {first}:")
        show_answers(digits)

        parameters = ", ".join(f"{one['name']} {one['value']}" for one in RETRAINED)
        print(f"\nRetraining with {parameters}, while queries go on")
        asker = Asker(connect, client.namespace)
        asker.start()
        second = retrain(client, digits)
        print(f"  run {second} is live; held-out accuracy through the gateway: {accuracy(digits):.4f}")
        time.sleep(1)
        client.rollback(NAME)
        client.wait_served(NAME, first)
        wait_answered(digits, first)
        print(f"  rolled back: run {first} is live again")
        time.sleep(1)
        asker.done.set()
        asker.join()

        mixed = check(digits, asker, [first, second])
        runs = Counter(answer.run for _, answer in asker.answers)
        print(
            f"\n{len(asker.answers)} answers meanwhile: {runs[first]} of run {first}, {runs[second]} of run {second};"
        )
        print(f"  {mixed} mixed two runs, {len(asker.errors)} failed")
        given = {"--context": chosen.context, "-n": chosen.namespace}
        show_next("".join(f" {flag} {value}" for flag, value in given.items() if value))
    return 1 if mixed or asker.errors else 0


if __name__ == "__main__":
    sys.exit(main())
