"""The serving client: features and neighbours from a gateway, every answer with the run it is of."""

from penstock.serving.aio import AsyncGatewayClient
from penstock.serving.answers import FeaturesAnswer, Hit, SearchAnswer
from penstock.serving.errors import (
    Forbidden,
    GatewayUnavailable,
    QueryRefused,
    RateLimited,
    RunNotServed,
    ServingError,
    Unauthorized,
)
from penstock.serving.sync import GatewayClient

__all__ = [
    "AsyncGatewayClient",
    "FeaturesAnswer",
    "Forbidden",
    "GatewayClient",
    "GatewayUnavailable",
    "Hit",
    "QueryRefused",
    "RateLimited",
    "RunNotServed",
    "SearchAnswer",
    "ServingError",
    "Unauthorized",
]
