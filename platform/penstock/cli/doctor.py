"""`penstock doctor`."""

from __future__ import annotations

from penstock.cli.exits import Failed
from penstock.cli.options import DEFAULT_HOME, Context, Home, Kubeconfig, Namespace
from penstock.cli.output import say


def doctor(
    home: Home = DEFAULT_HOME, namespace: Namespace = None, kubeconfig: Kubeconfig = None, context: Context = None
) -> None:
    """Check what Penstock needs, a line for each check with the next step; exit 1 if one fails."""
    import sys

    import anyio

    from penstock.cli.checks import all_checks
    from penstock.cli.stack import Stack

    results = anyio.run(all_checks, Stack.at(home), kubeconfig, context, namespace)
    good, bad = ("✓", "✗") if sys.stdout.isatty() else ("ok", "FAIL")
    width = max(len(good), len(bad))
    for result in results:
        step = "" if result.passed or not result.remedy else f": {result.remedy}"
        say(f"{(good if result.passed else bad):<{width}}  {result.text}{step}")
    if failed := sum(not result.passed for result in results):
        raise Failed(f"{failed} of {len(results)} checks failed")
