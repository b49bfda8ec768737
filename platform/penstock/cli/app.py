"""The command and its verbs; a verb imports what it needs when it runs, so that `--help` is fast."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperGroup

from penstock.cli import (
    apply,
    crds,
    delete,
    describe,
    doctor,
    down,
    get,
    init,
    logs,
    promote,
    query,
    run,
    suspend,
    up,
    version,
    wait,
)
from penstock.cli.exits import FAILED, INTERRUPTED, MEANINGS, Failed, code_of
from penstock.client.errors import PenstockError

EXITS = "\n".join(f"  {code:>3}  {meaning}" for code, meaning in MEANINGS.items())


class Verbs(TyperGroup):
    """Turns errors into one line on standard error and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the verb."""
        try:
            return super().invoke(ctx)
        except PenstockError as error:
            if not isinstance(error, Failed) or str(error):
                typer.echo(f"Error: {error}", err=True)
            raise typer.Exit(code_of(error)) from error
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # The reader of a pipe has gone, as `head` does; Python would complain once more at its end.
            sys.stdout = None
            raise typer.Exit(0) from None
        except OSError as error:
            typer.echo(f"Error: {error}", err=True)
            raise typer.Exit(FAILED) from error


app = typer.Typer(
    cls=Verbs,
    help="Penstock: train on Ray, materialize into Feast and Milvus, gate, promote, serve.",
    epilog=f"\b\nExit codes:\n{EXITS}\n\n\b\nExample:\n  penstock run -f examples/digits",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _add(verb: Callable[..., None], *examples: str, name: str | None = None, group: typer.Typer = app) -> None:
    lines = "\n".join(f"  {example}" for example in examples)
    group.command(name, epilog=f"\b\nExample:\n{lines}", rich_help_panel=None)(verb)


def _group(name: str, about: str, example: str) -> typer.Typer:
    group = typer.Typer(help=about, epilog=f"\b\nExample:\n  {example}", no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(group, name=name)
    return group


_add(run.run, "penstock run -f examples/digits", "penstock run -f penstock.yaml --down")
_add(up.up, "penstock up", "penstock up --home /data/penstock --port 8001 --foreground")
_add(down.down, "penstock down")
_add(init.init, "penstock init my-project")
_add(apply.apply, "penstock apply -f penstock.yaml", "cat penstock.yaml | penstock apply -f - --dry-run")
_add(
    get.get,
    "penstock get all",
    "penstock get tj digits -o yaml",
    "penstock get trainingruns -l penstock.dev/job=digits",
    "penstock get stagedruns -l penstock.dev/materialization=digits -o wide",
    "penstock get mat -A -w",
)
_add(describe.describe, "penstock describe materialization/digits", "penstock describe trainingrun 3f2a9c41-2")
_add(
    logs.logs,
    "penstock logs digits -f",
    "penstock logs trainingjob/digits --attempt 1",
    "penstock logs trainingrun/3f2a9c41-2",
    "penstock logs materialization/digits",
)
_add(
    wait.wait,
    "penstock wait trainingjob/digits --for Succeeded --timeout 10m",
    "penstock wait stagedruns -l penstock.dev/run=3f2a9c41-2 --for Ready",
)
_add(promote.promote, "penstock promote digits", "penstock promote digits --run 3f2a9c41-2 --wait")
_add(promote.rollback, "penstock rollback digits --wait")
_add(suspend.suspend, "penstock suspend trainingjob/digits")
_add(suspend.resume, "penstock resume trainingjob/digits")
_add(suspend.rerun, "penstock rerun digits")
_add(
    delete.delete,
    "penstock delete trainingjob digits",
    "penstock delete trainingrun/3f2a9c41-2",
    "penstock delete -f penstock.yaml",
)
_query = _group("query", "Ask the gateway.", "penstock query features digit-features image_id=3")
_add(query.features, "penstock query features digit-features image_id=3", group=_query)
_add(query.vectors, "penstock query vectors digit-images --input @image.json -k 5", group=_query)
_crds = _group("crds", "The CustomResourceDefinitions of the eight kinds.", "penstock crds print | kubectl apply -f -")
_add(crds.print_, "penstock crds print | kubectl apply -f -", name="print", group=_crds)
_add(crds.check, "penstock crds check crds", group=_crds)
_add(doctor.doctor, "penstock doctor")
_add(version.version, "penstock version")
