"""Run a replica as the operator does, with the short times of a test: `replica.py '{"identity": "a", …}'`."""

from __future__ import annotations

import asyncio
import json
import sys

from penstock_operator.kubernetes import audit, lease
from penstock_operator.kubernetes.__main__ import live
from penstock_operator.kubernetes.logs import log_as_json
from penstock_operator.kubernetes.operator import Options

if __name__ == "__main__":
    log_as_json("info")
    given = json.loads(sys.argv[1])
    options = Options(
        namespace=given["namespace"],
        identity=given["identity"],
        namespaces=tuple(given["namespaces"]),
        host="127.0.0.1",
        port=given["port"],
        lease=lease.Timing(**given["lease"]),
        audit=audit.Timing(**given["audit"]),
    )
    asyncio.run(live(options))
