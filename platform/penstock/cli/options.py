"""The options that verbs share, spelled as kubectl spells them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from penstock.client import AsyncClient

Namespace = Annotated[str | None, typer.Option("-n", "--namespace", help="Namespace; unset, the context's.")]
AllNamespaces = Annotated[bool, typer.Option("-A", "--all-namespaces", help="Of every namespace.")]
Kubeconfig = Annotated[
    Path | None, typer.Option("--kubeconfig", help="Kubeconfig; unset, it is looked for (PENSTOCK_KUBECONFIG, …).")
]
Context = Annotated[str | None, typer.Option("--context", help="Context of the kubeconfig; unset, its current one.")]
Manifest = Annotated[
    str, typer.Option("-f", "--filename", help="File or folder of resources, or - for standard input.")
]
Timeout = Annotated[str, typer.Option("--timeout", help="How long to wait: seconds, or 90s, 10m, 1h.")]
Home = Annotated[Path, typer.Option("--home", help="Folder of the local stack.")]
Gateway = Annotated[str | None, typer.Option("--gateway", help="The gateway's URL; unset, the kubeconfig's.")]

DEFAULT_HOME = Path(".penstock")
UNITS = {"s": 1, "m": 60, "h": 3600}


def connect(kubeconfig: Path | None, context: str | None, namespace: str | None) -> AsyncClient:
    """A client of the context that the options choose.

    Raises:
        ConfigError: there is none.
    """
    from penstock.client import AsyncClient

    return AsyncClient(kubeconfig, context=context, namespace=namespace)


def seconds(text: str) -> float:
    """A duration in seconds.

    Raises:
        typer.BadParameter: it is no duration.

    Examples:
        >>> seconds("90"), seconds("10m")
        (90.0, 600.0)
    """
    number, unit = (text[:-1], UNITS[text[-1]]) if text[-1:] in UNITS else (text, 1)
    try:
        value = float(number) * unit
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no duration: write 90, 90s, 10m or 1h") from None
    if not 0 <= value < math.inf:
        raise typer.BadParameter(f"{text!r} is no time to wait: write 90, 90s, 10m or 1h")
    return value
