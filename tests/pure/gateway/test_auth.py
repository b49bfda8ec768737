"""Who may ask, and how often: the decisions, with a clock of the test's own and reviews that are counted."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import Callable

import pytest

from penstock.gateway.auth import review as review_module
from penstock.gateway.auth.access import Caller
from penstock.gateway.auth.cache import Cache
from penstock.gateway.auth.keyfiles import BadKeyFile, bearer, parse
from penstock.gateway.auth.rate import Buckets
from penstock.gateway.auth.review import ALLOWED_SECONDS, AWAY_SECONDS, DENIED_SECONDS, GRACE_SECONDS, TokenReviewAccess
from penstock.gateway.auth.reviews import ReviewFailed
from penstock.gateway.auth.settings import Mode, NotSaid, mode
from penstock.gateway.errors import Unavailable

WEB = Caller("system:serviceaccount:shop:web", "u-1", ("system:serviceaccounts",))


class Reviews:
    """An API that knows one token, and lets its bearer query what `rights` holds."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.rights: set[tuple[str, str]] = set()
        self.tokens = {"good": WEB}
        self.away = False

    async def caller(self, token: str) -> Caller | None:
        await self._asked(token)
        return self.tokens.get(token)

    async def allowed(self, caller: Caller, namespace: str, name: str) -> bool:
        await self._asked(f"{namespace}/{name}")
        return bool({(namespace, name), (namespace, ""), ("", "")} & self.rights)

    async def _asked(self, what: str) -> None:
        self.asked.append(what)
        await asyncio.sleep(0)
        if self.away:
            raise ReviewFailed("the Kubernetes API does not answer")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def reviews() -> Reviews:
    return Reviews()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def access(reviews: Reviews, clock: Clock) -> TokenReviewAccess:
    return TokenReviewAccess(reviews, clock)


async def test_a_token_is_reviewed_once_while_its_answer_is_fresh(
    access: TokenReviewAccess, reviews: Reviews, clock: Clock
) -> None:
    assert await asyncio.gather(*(access.caller("good") for _ in range(50))) == [WEB] * 50
    assert await asyncio.gather(*(access.caller("bad") for _ in range(50))) == [None] * 50
    clock.now += DENIED_SECONDS - 1
    assert (await access.caller("good"), await access.caller("bad")) == (WEB, None)
    assert reviews.asked == ["good", "bad"]
    clock.now += 2
    reviews.tokens = {"bad": WEB}
    assert (await access.caller("good"), await access.caller("bad")) == (WEB, WEB)
    clock.now += ALLOWED_SECONDS
    assert await access.caller("good") is None
    assert await access.caller("x" * 100_000) is None
    assert reviews.asked == ["good", "bad", "bad", "good"]


async def test_a_right_is_asked_for_by_name_and_kept_for_a_short_time(
    access: TokenReviewAccess, reviews: Reviews, clock: Clock
) -> None:
    reviews.rights = {("shop", "digits")}
    assert await access.allowed(WEB, "shop", "digits")
    assert not await access.allowed(WEB, "shop", "other")
    assert not await access.allowed(WEB, "bank", "digits")
    reviews.rights = set()
    assert await access.allowed(WEB, "shop", "digits")
    assert len(reviews.asked) == 3
    clock.now += ALLOWED_SECONDS
    assert not await access.allowed(WEB, "shop", "digits")
    assert '"resourceNames": ["digits"]' in access.lacking(WEB, "shop", "digits")


async def test_while_the_api_is_away_a_yes_goes_on_and_the_unknown_is_not_answered(
    access: TokenReviewAccess, reviews: Reviews, clock: Clock
) -> None:
    reviews.rights = {("shop", "digits")}
    assert await access.caller("good") == WEB
    assert await access.caller("bad") is None
    assert await access.allowed(WEB, "shop", "digits")
    reviews.away = True
    clock.now += GRACE_SECONDS - 1
    asked = len(reviews.asked)
    assert [await access.caller("good") for _ in range(20)] == [WEB] * 20
    assert await access.allowed(WEB, "shop", "digits")
    assert len(reviews.asked) == asked + 1
    for question in (access.caller("bad"), access.caller("new"), access.allowed(WEB, "shop", "other")):
        with pytest.raises(Unavailable, match="cannot be found out who may ask"):
            await question
    clock.now += 1 + AWAY_SECONDS
    with pytest.raises(Unavailable, match="does not answer"):
        await access.caller("good")
    reviews.away = False
    clock.now += AWAY_SECONDS
    assert await access.caller("good") == WEB


async def test_what_was_revoked_does_not_come_back_with_an_api_that_is_away(
    access: TokenReviewAccess, reviews: Reviews, clock: Clock
) -> None:
    assert await access.caller("good") == WEB
    clock.now += ALLOWED_SECONDS
    reviews.tokens = {}
    assert await access.caller("good") is None
    reviews.away = True
    clock.now += DENIED_SECONDS
    with pytest.raises(Unavailable):
        await access.caller("good")


async def test_many_bad_tokens_drive_out_no_good_one(
    reviews: Reviews, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_module, "TOKENS", 4)
    access = TokenReviewAccess(reviews, clock)
    assert await access.caller("good") == WEB
    for number in range(20):
        assert await access.caller(f"bad-{number}") is None
    reviews.away = True
    assert await access.caller("good") == WEB


def jwt(ends: float) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": ends}).encode()).decode().rstrip("=")
    return f"e30.{claims}.c2ln"


async def test_no_answer_outlives_its_token(access: TokenReviewAccess, reviews: Reviews, clock: Clock) -> None:
    token = jwt(time.time() + 30)
    reviews.tokens = {token: WEB}
    assert await access.caller(token) == WEB
    reviews.away = True
    clock.now += 31
    with pytest.raises(Unavailable):
        await access.caller(token)


@pytest.mark.parametrize("claims", [b"[" * 9000, b'{"exp": 1' + b"0" * 400 + b"}", b'{"exp": NaN}', b"[1]", b"\xff"])
async def test_a_token_whose_claims_are_no_claims_is_reviewed_as_any_other(
    access: TokenReviewAccess, reviews: Reviews, claims: bytes
) -> None:
    token = f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.c2ln"
    assert await access.caller(token) is None
    assert reviews.asked == [token]


async def test_who_was_known_does_not_wait_behind_a_crowd_of_the_unknown(
    access: TokenReviewAccess, reviews: Reviews, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await access.caller("good") == WEB
    clock.now += ALLOWED_SECONDS
    monkeypatch.setattr(review_module, "WAITING", 4)
    crowd = [asyncio.create_task(access.caller(f"bad-{number}")) for number in range(10)]
    known = asyncio.create_task(access.caller("good"))
    said = await asyncio.gather(*crowd, return_exceptions=True)
    assert [type(one) for one in said] == [type(None)] * 4 + [Unavailable] * 6
    assert await known == WEB


async def test_a_list_is_asked_for_as_a_whole_then_by_namespace_then_one_by_one(
    access: TokenReviewAccess, reviews: Reviews, clock: Clock
) -> None:
    known = [("bank", "a"), ("shop", "a"), *(("shop", f"n{n:03}") for n in range(100))]
    reviews.rights = {("", "")}
    assert await access.visible(WEB, known) == known
    assert reviews.asked == ["/"]
    clock.now += ALLOWED_SECONDS
    reviews.rights = {("shop", "")}
    assert await access.visible(WEB, known) == known[1:]
    assert reviews.asked[1:] == ["/", "bank/", "shop/", "bank/a"]
    clock.now += ALLOWED_SECONDS
    reviews.rights = {("shop", "n007"), ("bank", "a")}
    assert await access.visible(WEB, known) == [("bank", "a"), ("shop", "n007")]
    assert await access.visible(WEB, []) == []


def test_a_cache_is_bounded_by_what_was_asked_for_longest_ago() -> None:
    cache: Cache[str, int] = Cache(2)
    for name in "ab":
        cache.put(name, 1, 10, 20)
    assert cache.fresh("a", 9) == 1
    cache.put("c", 1, 10, 20)
    assert [cache.usable(name, 15) for name in "abc"] == [1, None, 1]
    assert (cache.fresh("a", 10), cache.usable("a", 20)) == (None, None)


def test_a_bucket_lets_a_burst_through_and_then_the_rate() -> None:
    buckets = Buckets(rate=2, burst=3)
    assert [buckets.take("a", 0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("b", 0) == 0
    assert [buckets.take("a", 0.5), buckets.take("a", 0.5)] == [0, 0.5]
    assert [buckets.take("a", 100) for _ in range(4)] == [0, 0, 0, 0.5]


KEY = "0123456789abcdef"
DIGEST = hashlib.sha256(KEY.encode()).hexdigest()


def test_a_key_file_holds_a_key_or_its_digest_and_what_it_opens() -> None:
    scoped = {"key": f"sha256:{DIGEST}", "materializations": ["shop/*", "bank/a"]}
    keys = [parse("plain", f"{KEY}x\n"), parse("scoped", json.dumps(scoped))]
    found = bearer(keys, KEY)
    assert found is not None
    opened = [found.opens(*key) for key in (("shop", "a"), ("bank", "a"), ("bank", "b"), ("shop", ""))]
    assert (found.name, opened) == ("scoped", [True, True, False, True])
    plain = bearer(keys, f"{KEY}x")
    assert plain is not None
    assert plain.opens("any", "thing")
    assert bearer(keys, DIGEST) is None
    assert bearer([], KEY) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "0 characters"),
        ("short", "5 characters: 16 are needed"),
        ("with a space in the middle", "other characters"),
        ("{", "not JSON"),
        ('{"materializations": ["*"]}', "needs key"),
        (json.dumps({"key": KEY, "matrializations": []}), "needs key, and may have"),
        (json.dumps({"key": KEY, "materializations": ["shop"]}), "a list of NAMESPACE/NAME"),
        (json.dumps({"key": KEY, "materializations": "*"}), "a list of NAMESPACE/NAME"),
    ],
)
def test_a_key_file_that_cannot_be_used_is_told_without_what_is_in_it(text: str, why: str) -> None:
    with pytest.raises(BadKeyFile, match=why.replace("*", r"\*")) as refused:
        parse("name", text)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize(
    ("said", "host", "keys", "expected"),
    [
        (None, "127.0.0.1", None, Mode.NONE),
        ("", "::1", None, Mode.NONE),
        (None, "localhost", None, Mode.NONE),
        ("none", "0.0.0.0", None, Mode.NONE),
        ("token-review", "127.0.0.1", None, Mode.TOKEN_REVIEW),
        ("static-keys", "::", "/keys", Mode.STATIC_KEYS),
        (None, "0.0.0.0", None, "--auth is required on 0.0.0.0"),
        ("", "gateway.example.com", None, "--auth is required"),
        ("off", "127.0.0.1", None, "--auth is 'off': one of token-review, static-keys, none"),
        ("static-keys", "127.0.0.1", None, "needs --keys"),
    ],
)
def test_it_is_off_only_where_somebody_said_so(said: str, host: str, keys: str, expected: Mode | str) -> None:
    check: Callable[[], Mode] = lambda: mode(said, host, keys)  # noqa: E731
    if isinstance(expected, Mode):
        assert check() is expected
    else:
        with pytest.raises(NotSaid, match=expected):
            check()
