"""Why Feast could not do what was asked."""

from __future__ import annotations


class FeaturesError(Exception):
    """The base of the errors of `penstock.features`."""


class FeaturesUnreachable(FeaturesError):
    """The registry or the online store does not answer; the same call may go through later."""


class FeaturesRefused(FeaturesError):
    """Feast refuses the configuration or the call."""
