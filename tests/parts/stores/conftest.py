"""Stores as they run in production, each a server of our own on loopback: Redis, PostgreSQL, Milvus."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from loopback import free_ports
from servers import listens, redis_server, served

POSTGRES = "/usr/lib/postgresql/*/bin"


def lets_in(login: dict[str, Any]) -> bool:
    """Whether a PostgreSQL is ready."""
    try:
        psycopg.connect(**login).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture(scope="session")
def redis() -> Iterator[str]:
    """The connection string of a Redis, as Feast writes it."""
    with redis_server() as connection:
        yield connection


@pytest.fixture(scope="session")
def postgres() -> Iterator[dict[str, Any]]:
    """Host, port, user and database of a PostgreSQL."""
    folders = [str(folder) for folder in sorted(Path("/").glob(POSTGRES.lstrip("/")), reverse=True)]
    initdb = shutil.which("initdb", path=os.pathsep.join([*folders, os.environ["PATH"]]))
    if initdb is None:
        pytest.skip("PostgreSQL is not installed (Debian's package postgresql)")
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        # It does not run as root.
        root = os.geteuid() == 0
        if root:
            shutil.chown(folder, "postgres")
        user = ["runuser", "-u", "postgres", "--"] if root else []
        prepare = [*user, initdb, "-D", str(data), "-U", "feast", "--auth=trust"]
        subprocess.run(prepare, check=True, capture_output=True)
        where = ["-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", folder, "-c", "fsync=off"]
        login = {"host": "127.0.0.1", "port": port, "dbname": "postgres", "user": "feast"}
        server = str(Path(initdb).with_name("postgres"))
        with served([*user, server, *where], lambda: lets_in(login), Path(folder) / "log"):
            yield {"host": "127.0.0.1", "port": port, "database": "postgres", "user": "feast", "password": "any"}


@pytest.fixture(scope="session")
def milvus_server() -> Iterator[str]:
    """The address of a full Milvus 2.3."""
    program = Path(sys.executable).with_name("milvus-server")
    names = ["etcd", "root-coord", "proxy", "proxy-internal", "query-coord", "query-node", "index-coord", "index-node"]
    names += ["data-coord", "data-node"]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    with tempfile.TemporaryDirectory() as folder:
        flags = [word for name, port in ports.items() for word in (f"--{name}-port", str(port))]
        command = [str(program), "--data", folder, *flags]
        with served(command, lambda: healthy(ports["proxy"]), Path(folder) / "log"):
            yield f"http://127.0.0.1:{ports['proxy']}"


def healthy(port: int) -> bool:
    from pymilvus import MilvusClient
    from pymilvus.exceptions import MilvusException

    if not listens(port):
        return False
    try:
        MilvusClient(uri=f"http://127.0.0.1:{port}", timeout=5).list_collections()
    except MilvusException:
        return False
    return True
