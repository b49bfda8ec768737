"""Stores as they run in production, each a server of our own on loopback: Redis, PostgreSQL, Milvus."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loopback import free_ports
from servers import listens, redis_server, served

POSTGRES = "/usr/lib/postgresql/*/bin"


@pytest.fixture(scope="session")
def redis() -> Iterator[str]:
    """The connection string of a Redis, as Feast writes it."""
    with redis_server() as connection:
        yield connection


@pytest.fixture(scope="session")
def postgres() -> Iterator[dict[str, Any]]:
    """Host, port, user and database of a PostgreSQL."""
    folders = sorted(Path("/").glob(POSTGRES.lstrip("/")))
    if not folders:
        pytest.skip("PostgreSQL is not installed (Debian's package postgresql)")
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        # It does not run as root.
        root = os.geteuid() == 0
        if root:
            shutil.chown(folder, "postgres")
        user = ["runuser", "-u", "postgres", "--"] if root else []
        prepare = [*user, str(folders[-1] / "initdb"), "-D", str(data), "-U", "feast", "--auth=trust"]
        subprocess.run(prepare, check=True, capture_output=True)
        where = ["-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", folder, "-c", "fsync=off"]
        with served([*user, str(folders[-1] / "postgres"), *where], lambda: listens(port), Path(folder) / "log"):
            probe = [str(folders[-1] / "pg_isready"), "-h", "127.0.0.1", "-p", str(port)]
            while subprocess.run(probe, capture_output=True).returncode:
                time.sleep(0.1)
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
