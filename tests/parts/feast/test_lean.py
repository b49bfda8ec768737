"""What Feast brings along when it is imported."""

import subprocess
import sys


def test_feast_comes_without_torch_and_without_instrumented_classes_and_takes_torch_from_nobody() -> None:
    code = """
import sys
from penstock.stores.feast.lean import feast
assert "torch" not in sys.modules
names = feast.FeatureView.__init__.__code__.co_names
assert not any("typeguard" in name or "check_argument_types" in name for name in names), names
import torch
import typeguard
assert torch.tensor([1]).sum() == 1
assert typeguard.typechecked.__module__.startswith("typeguard")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
