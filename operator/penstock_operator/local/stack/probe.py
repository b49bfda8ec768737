"""Whether a server on the loopback interface answers."""

from __future__ import annotations

import asyncio

import httpx2


async def answers(url: str, token: str | None = None) -> bool:
    """Whether a GET gives 200."""
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    async with httpx2.AsyncClient(trust_env=False, timeout=2.0, headers=headers) as http:
        try:
            return (await http.get(url)).status_code == 200
        except httpx2.HTTPError:
            return False


async def listens(port: int) -> bool:
    """Whether a port takes connections."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
