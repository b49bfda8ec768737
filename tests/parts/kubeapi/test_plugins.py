"""Credentials of programs, as the SDK and the gateway use them: asked for once, and again when they end."""

from __future__ import annotations

import asyncio
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from authority import Authority
from exec_plugin import Plugin

from penstock.kubeapi.context import Context
from penstock.kubeapi.credentials import Credentials
from penstock.kubeapi.errors import KubeconfigError, Refusal
from penstock.kubeapi.http import KubeApi

HOUR = timedelta(hours=1)


async def ask(api: KubeApi, times: int = 1) -> None:
    for _ in range(times):
        assert (await api.document("GET", "/api"))["kind"] == "Thing"


def api_of(server: Any, user: dict[str, Any], authority: Authority | None = None) -> KubeApi:
    cluster = {"server": server.url}
    return KubeApi(
        Context({**cluster, "certificate-authority": str(authority.certificate)} if authority else cluster, user)
    )


@pytest.mark.parametrize("lives", [None, HOUR])
async def test_a_token_is_asked_for_once(server: Any, plugin: Plugin, lives: timedelta | None) -> None:
    plugin.answers(lives, token="one")
    api = api_of(server, plugin.user)
    await ask(api, 3)
    assert (server.callers, plugin.runs) == (["Bearer one"] * 3, 1)
    await api.close()


async def test_one_that_ends_is_asked_for_again(server: Any, plugin: Plugin) -> None:
    plugin.answers(timedelta(seconds=2), token="one")
    api = api_of(server, plugin.user)
    await ask(api)
    plugin.answers(HOUR, token="two")
    await ask(api, 2)
    assert (server.callers, plugin.runs) == (["Bearer one", "Bearer two", "Bearer two"], 2)
    await api.close()


async def test_one_that_is_refused_is_asked_for_again_once(server: Any, plugin: Plugin) -> None:
    plugin.answers(HOUR, token="one")
    api = api_of(server, plugin.user)
    await ask(api)
    server.accepts = "Bearer two".__eq__
    plugin.answers(HOUR, token="two")
    await ask(api)
    server.accepts = "Bearer three".__eq__
    with pytest.raises(Refusal) as refused:
        await ask(api)
    assert refused.value.code == 401
    assert server.callers == ["Bearer one", "Bearer one", "Bearer two", "Bearer two", "Bearer two"]
    await api.close()


async def test_calls_go_on_with_one_that_ends_soon_while_another_is_asked_for(server: Any, plugin: Plugin) -> None:
    plugin.answers(timedelta(seconds=40), token="one")
    api = api_of(server, plugin.user)
    await ask(api)
    plugin.answers(HOUR, token="two")
    # Ten seconds later, as it were: a plug-in is not asked at every call.
    api._http.auth._credentials._asked_at -= 11  # type: ignore[union-attr]
    await ask(api)
    assert server.callers == ["Bearer one", "Bearer one"]
    async with asyncio.timeout(10):
        while server.callers[-1] != "Bearer two":
            await ask(api)
    assert plugin.runs == 2
    await api.close()


async def test_a_slow_plugin_answers_the_next_caller_when_the_first_could_not_wait(plugin: Plugin) -> None:
    plugin.answers(HOUR, token="one")
    plugin.command.write_text(plugin.command.read_text().replace("cat", "sleep 0.5; cat"))
    credentials = Credentials(plugin.user)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await credentials.get()
    assert (await credentials.get()).authorization == "Bearer one"
    assert plugin.runs == 1


async def test_a_certificate_is_shown_in_the_handshake_and_a_new_one_after_it(
    strict: Any, authority: Authority, plugin: Plugin, tmp_path: Path
) -> None:
    serials = []
    for name, lives in (("first", timedelta(seconds=2)), ("second", HOUR)):
        certificate, key = authority.issue(tmp_path / name)
        serials.append(ssl._ssl._test_decode_cert(certificate)["serialNumber"])  # type: ignore[attr-defined]
        plugin.answers(lives, clientCertificateData=certificate.read_text(), clientKeyData=key.read_text())
        if name == "first":
            api = api_of(strict, plugin.user, authority)
        await ask(api, 2 if name == "second" else 1)
    assert (strict.callers, plugin.runs) == ([serials[0], serials[1], serials[1]], 2)
    await api.close()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("#!/bin/sh\necho no such account >&2; exit 3", r"process returned 3.*no such account"),
        ("#!/bin/sh\necho hello", "failed to decode"),
        (
            '#!/bin/sh\necho \'{"apiVersion": "v9", "kind": "ExecCredential", "status": {"token": "a"}}\'',
            "version v9 does not match",
        ),
        (
            '#!/bin/sh\necho \'{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", '
            '"status": {}}\'',
            "neither a token nor a certificate",
        ),
    ],
)
async def test_a_plugin_that_fails_says_why_and_nothing_is_sent(
    server: Any, plugin: Plugin, text: str, message: str
) -> None:
    plugin.command.write_text(text)
    api = api_of(server, plugin.user)
    with pytest.raises(KubeconfigError, match=message):
        await ask(api)
    assert server.callers == []
    await api.close()


async def test_a_plugin_that_is_not_there_says_how_to_get_it(server: Any, plugin: Plugin) -> None:
    plugin.command.unlink()
    api = api_of(server, {"exec": {**plugin.user["exec"], "installHint": "install the cloud's tools"}})
    with pytest.raises(KubeconfigError, match="install the cloud's tools"):
        await ask(api)
    await api.close()


async def test_a_token_in_a_file_is_read_again_when_it_is_refused(server: Any, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("one\n")
    api = api_of(server, {"tokenFile": str(tmp_path / "token"), "token": "another"})
    await ask(api)
    (tmp_path / "token").write_text("two\n")
    await ask(api)
    server.accepts = "Bearer two".__eq__
    await ask(api)
    assert server.callers == ["Bearer one", "Bearer one", "Bearer one", "Bearer two"]
    await api.close()


async def test_a_refused_password_is_sent_once(server: Any) -> None:
    server.accepts = "".__eq__
    api = api_of(server, {"username": "ada", "password": "secret"})
    with pytest.raises(Refusal, match="who are you"):
        await ask(api)
    assert server.callers == ["Basic YWRhOnNlY3JldA=="]
    await api.close()
