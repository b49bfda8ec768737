"""`asker.py GATEWAY NAMESPACE [RUN...]`: asks for the neighbours of images, features joined, and prints each answer.

Without runs it asks for ever, one image after the other; with runs it asks each of them for each image, once.
It runs in a pod, from a ConfigMap, beside images.json.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

from penstock.serving import GatewayClient, SearchAnswer, ServingError

TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
PAUSE_SECONDS = 0.05
TIMEOUT_SECONDS = 10.0


def ask(gateway: GatewayClient, namespace: str, image: Any, run: str | None = None) -> SearchAnswer:
    join = {"view": "digit-features"}
    return gateway.search(namespace, "digits", "digit-images", inputs=[image], k=5, join=join, run=run)


def digest(answer: SearchAnswer) -> str:
    """Of ids, scores by the run's encoder and vectors, and features of the run."""
    content = [(hit.id, round(hit.score, 4), round((hit.features or {})["typicality"], 4)) for hit in answer.results[0]]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]


def say(**line: Any) -> None:
    print(json.dumps(line, separators=(",", ":")), flush=True)


def main(url: str, namespace: str, *runs: str) -> None:
    images = json.loads(Path(__file__).with_name("images.json").read_text())
    with GatewayClient(url, TOKEN.read_text(), TIMEOUT_SECONDS) as gateway:
        for run in runs:
            for name, image in images.items():
                say(run=run, image=int(name), content=digest(ask(gateway, namespace, image, run)))
        while not runs:
            for name, image in images.items():
                began = time.time()
                try:
                    answer = ask(gateway, namespace, image)
                except ServingError as error:
                    say(at=began, took=round(time.time() - began, 4), error=f"{type(error).__name__}: {error}"[:200])
                else:
                    took = round(time.time() - began, 4)
                    say(at=began, took=took, run=answer.run, image=int(name), content=digest(answer))
                time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
