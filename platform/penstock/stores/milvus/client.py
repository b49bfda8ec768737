"""Connections to a Milvus, and its errors in our terms."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager

import grpc
from pymilvus import MilvusClient
from pymilvus.exceptions import MilvusException

from penstock.handoff import MilvusConnection
from penstock.stores.milvus.errors import VectorsRefused, VectorsUnreachable

# pymilvus logs a traceback for every refused call, also for those that are an answer to a question.
logging.getLogger("pymilvus").setLevel(logging.CRITICAL)

# pymilvus pings every ten seconds also when nothing is asked; Milvus Lite closes such a connection as a nuisance.
KEEPALIVE = {"grpc.keepalive_time_ms": 300_000, "grpc.keepalive_permit_without_calls": False}

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_UNREACHABLE_CODES = {1, 2, 14}
_GRPC_CODES = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


def open_client(connection: MilvusConnection) -> MilvusClient:
    """A client that the caller closes; use it within `translated`."""
    token = _VARIABLE.sub(lambda match: os.environ[match[1]], connection.token or "")
    return MilvusClient(
        uri=connection.uri,
        token=token,
        db_name=connection.database,
        timeout=connection.timeout_seconds,
        grpc_options=KEEPALIVE,
    )


@contextmanager
def translated(connection: MilvusConnection) -> Iterator[None]:
    """Let the errors of pymilvus come out as ours.

    Raises:
        VectorsUnreachable: the server does not answer.
        VectorsRefused: it refuses a call.
    """
    try:
        yield
    except MilvusException as error:
        raise _ours(connection, error) from error
    except grpc.RpcError as error:
        raise VectorsUnreachable(f"Milvus at {connection.uri} did not answer: {error}") from error


@contextmanager
def connect(connection: MilvusConnection) -> Iterator[MilvusClient]:
    """A client that is closed with the block; its errors come out as ours.

    Raises:
        VectorsUnreachable: the server does not answer.
        VectorsRefused: it refuses a call.
    """
    with translated(connection), closing(open_client(connection)) as client:
        yield client


def ping(connection: MilvusConnection) -> str:
    """The server's version.

    Raises:
        VectorsUnreachable: the server does not answer.
    """
    with connect(connection) as client:
        return str(client.get_server_version())


def _ours(connection: MilvusConnection, error: MilvusException) -> VectorsUnreachable | VectorsRefused:
    text = str(error.message)
    away = error.code in _UNREACHABLE_CODES or any(code.name in text for code in _GRPC_CODES)
    if away:
        return VectorsUnreachable(f"Milvus at {connection.uri} did not answer: {text}")
    return VectorsRefused(f"Milvus at {connection.uri} refused: {text}")
