"""How many bytes a value takes as JSON, by the Kubernetes API's own count, and texts cut to so many. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

ESCAPED = "<>&\u2028\u2029"
"""Go writes these as six characters, such as \\u003c."""
MOST_BYTES = 6
"""Of any character."""
CUT = " … "


def wire_bytes(value: Any) -> int:
    """The bytes of a JSON value without spaces, written by Go's encoding/json."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return len(text.encode(errors="surrogatepass")) + sum(text.count(one) * (6 - len(one.encode())) for one in ESCAPED)


def shortened(text: str, most: int) -> str:
    """The text; where it takes more than `most` bytes on the wire, quotes not counted, its first third and its end."""
    # Most are far shorter, and every pass asks of every message.
    if MOST_BYTES * len(text) <= most or wire_bytes(text) - 2 <= most:
        return text
    room = most - (wire_bytes(CUT) - 2)
    head = _fitting(text, room // 3)
    tail = _fitting(reversed(text[len(head) :]), room - room // 3)
    return f"{head}{CUT}{tail[::-1]}"


def _fitting(characters: Iterable[str], room: int) -> str:
    kept: list[str] = []
    for one in characters:
        room -= wire_bytes(one) - 2
        if room < 0:
            break
        kept.append(one)
    return "".join(kept)
