"""What no schema bounds, such as a pod template, is bounded before a status would not fit beside it."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.api import TrainingJob
from penstock_operator.loop.parse import MAX_SPEC_BYTES, InvalidObject, parse


def job(size: int) -> dict[str, Any]:
    template = {"metadata": {"annotations": {"a": "x" * size}}}
    ray = {"type": "KubeRay", "kubeRay": {"workers": {"podTemplate": template}}}
    spec = {"source": {"type": "Path", "path": "/code"}, "entrypoint": "train.py", "ray": ray}
    return {"kind": "TrainingJob", "metadata": {"name": "wide"}, "spec": spec}


def test_a_spec_that_leaves_no_room_for_a_status_is_refused() -> None:
    assert parse(TrainingJob, job(MAX_SPEC_BYTES - 1024)).metadata.name == "wide"
    with pytest.raises(InvalidObject, match=r"TrainingJob 'wide' has a spec of 768 KiB, and 768 KiB leave room"):
        parse(TrainingJob, job(MAX_SPEC_BYTES))
