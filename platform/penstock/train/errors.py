"""What can be wrong with training code's use of Penstock."""

from __future__ import annotations


class TrainError(Exception):
    """The base of the errors of `penstock.train`."""


class OutputError(TrainError):
    """An output breaks the contract of the run directory."""


class ParamError(TrainError):
    """A parameter is missing or not of the type asked for."""


class SourceError(TrainError):
    """The code of the attempt cannot be had."""
