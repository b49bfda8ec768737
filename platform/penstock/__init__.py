"""Penstock: carries a training run's whole output through a gate into serving, as one reversible step."""

__version__ = "0.1.0"
