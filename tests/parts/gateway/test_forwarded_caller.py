"""The caller's token beside that of a proxy: a Kubernetes API server takes `Authorization` out."""

from __future__ import annotations

from collections.abc import Sequence

import httpx2
from gateway_api import EmptyBundles, NoRuns

from penstock.gateway.app import create_app
from penstock.gateway.auth.access import Caller, Key
from penstock.gateway.catalog import Catalog


class Access:
    """Knows one token, and lets its bearer query everything."""

    async def caller(self, token: str) -> Caller | None:
        return Caller("web") if token == "good" else None

    async def allowed(self, caller: Caller, namespace: str, name: str) -> bool:
        return True

    async def visible(self, caller: Caller, keys: Sequence[Key]) -> list[Key]:
        return list(keys)

    def lacking(self, caller: Caller, namespace: str, name: str) -> str:
        return ""


async def test_the_header_through_a_proxy_names_the_caller_and_authorization_goes_before_it() -> None:
    own, through = "Authorization", "X-Penstock-Authorization"
    good, bad = "Bearer good", "Bearer bad"
    app = create_app(Catalog(EmptyBundles(), NoRuns()), None, Access())
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://gateway") as http:
        for headers, code in (
            ({through: good}, 200),
            ({through: bad}, 401),
            ({through: "Basic Z29vZA=="}, 401),
            ({own: good, through: bad}, 200),
            ({own: bad, through: good}, 401),
            ({own: "", through: good}, 401),
        ):
            assert (await http.get("/v1", headers=headers)).status_code == code, headers
