"""What `penstock doctor` makes of a gateway that is ready and says in the lines after `ok` what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.cli.services import gateway
from penstock.client.proxy import Service

RIGHT = "The operator cannot be told what is served: the gateway may not patch Lease 'penstock-gateway-x'"
BEHIND = "shop/digits: run r-2 cannot be loaded: the disk is full"


class Client:
    """Reaches a gateway whose readiness is this text."""

    def __init__(self, text: str) -> None:
        self.text = text

    async def get_text(self, path: str) -> str:
        assert path.endswith("/readyz")
        return self.text


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_each_line_is_a_check_of_its_own(scheme: str) -> None:
    service = Service("penstock", "penstock-gateway", scheme, scheme)
    client: Any = Client(f"ok\ntls: The certificate ends tomorrow\n{RIGHT}\n{BEHIND}")
    ready, *wrong = await gateway(client, service)
    assert ready.passed
    assert [check.passed for check in wrong] == [False] * 3
    for check, text in zip(wrong, ("The certificate ends tomorrow", RIGHT, BEHIND), strict=True):
        assert check.text.endswith(f": {text}")
    assert "renew the Secret" in wrong[0].remedy
    assert "its log says more" in wrong[1].remedy


async def test_one_with_nothing_to_tell_is_one_check() -> None:
    client: Any = Client("ok")
    (ready,) = await gateway(client, Service("penstock", "penstock-gateway", "http", "http"))
    assert ready.passed
