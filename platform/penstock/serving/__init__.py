"""The serving client: features and neighbours from a gateway, every answer with the run it is of."""

from penstock.serving.aio import AsyncGatewayClient
from penstock.serving.answers import FeaturesAnswer, Hit, SearchAnswer
from penstock.serving.errors import (
    GatewayUnavailable,
    QueryRefused,
    RunNotServed,
    ServingError,
)
from penstock.serving.sync import GatewayClient

__all__ = [
    "AsyncGatewayClient",
    "FeaturesAnswer",
    "GatewayClient",
    "GatewayUnavailable",
    "Hit",
    "QueryRefused",
    "RunNotServed",
    "SearchAnswer",
    "ServingError",
]
