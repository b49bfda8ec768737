"""`penstock query features` and `penstock query vectors`."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from penstock.cli.answers import features_table, hits_table
from penstock.cli.options import Context, Gateway, Kubeconfig, Namespace
from penstock.cli.output import as_json, as_yaml, say
from penstock.cli.serving import asking, materialization_of


class Format(StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    YAML = "yaml"
    JSON = "json"


Mat = Annotated[
    str | None, typer.Option("-m", "--materialization", help="Unset, the one that feeds the view or collection.")
]
Run = Annotated[str | None, typer.Option("--run", help="A kept run instead of the live one.")]
Output = Annotated[Format, typer.Option("-o", "--output", help="Form of the output.")]


def features(
    view: Annotated[str, typer.Argument(help="The FeatureView.", metavar="VIEW")],
    keys: Annotated[list[str] | None, typer.Argument(help="The keys of one entity.", metavar="[KEY=VALUE]...")] = None,
    entity: Annotated[
        list[str] | None, typer.Option("--entity", help='JSON, such as {"image_id": 3}; repeatable.')
    ] = None,
    fields: Annotated[str | None, typer.Option("--features", help="Only these, with commas between.")] = None,
    materialization: Mat = None,
    run: Run = None,
    output: Output = Format.TABLE,
    gateway: Gateway = None,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Read online features of entities."""
    from penstock.api import FeatureView

    entities = [_json(text, "--entity") for text in entity or ()]
    if keys:
        entities.append(dict(_pair(word) for word in keys))
    if not entities or not all(isinstance(one, dict) for one in entities):
        raise typer.BadParameter("give the entity as KEY=VALUE, or as --entity with a JSON object")
    space, mat = materialization_of(FeatureView, view, materialization, namespace, kubeconfig, context)
    with asking(gateway, kubeconfig, context) as client:
        answer = client.features(space, mat, view, entities, features=_names(fields), run=run)
    if output is Format.TABLE:
        say(f"Run {answer.run}\n{features_table(entities, answer)}")
    else:
        _print({"run": answer.run, "rows": answer.rows}, output)


def vectors(
    collection: Annotated[str, typer.Argument(help="The VectorCollection.", metavar="COLLECTION")],
    vector: Annotated[str | None, typer.Option("--vector", help="A query vector: JSON, or @FILE.")] = None,
    raw: Annotated[
        str | None, typer.Option("--input", help="A raw input, which the encoder turns: JSON, or @FILE.")
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many neighbours.")] = 10,
    where: Annotated[str, typer.Option("--filter", help="A filter on the scalar fields, such as 'label == 3'.")] = "",
    fields: Annotated[str | None, typer.Option("--fields", help="Only these, with commas between.")] = None,
    join: Annotated[str | None, typer.Option("--join", help="VIEW or VIEW:KEY: features of each hit too.")] = None,
    materialization: Mat = None,
    run: Run = None,
    output: Output = Format.TABLE,
    gateway: Gateway = None,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Search the nearest neighbours of a vector or of a raw input."""
    from penstock.api import VectorCollection

    if (vector is None) == (raw is None):
        raise typer.BadParameter("give the query as --vector or as --input")
    given = [_json(vector, "--vector")] if vector is not None else None
    inputs = [_json(raw, "--input")] if raw is not None else None
    space, mat = materialization_of(VectorCollection, collection, materialization, namespace, kubeconfig, context)
    with asking(gateway, kubeconfig, context) as client:
        answer = client.search(
            space,
            mat,
            collection,
            vectors=given,
            inputs=inputs,
            k=k,
            where=where,
            fields=_names(fields),
            join=_join(join),
            run=run,
        )
    if output is Format.TABLE:
        say(f"Run {answer.run}\n{hits_table(answer)}")
    else:
        results = [[_hit(hit) for hit in hits] for hits in answer.results]
        _print({"run": answer.run, "results": results}, output)


def _pair(word: str) -> tuple[str, Any]:
    """`KEY=VALUE`; a value that is JSON is taken as that, everything else as a string."""
    key, found, value = word.partition("=")
    if not key or not found:
        raise typer.BadParameter(f"{word!r} is not KEY=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _json(text: str, option: str) -> Any:
    try:
        return json.loads(Path(text[1:]).read_text() if text.startswith("@") else text)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{text!r} cannot be read as JSON: {error}", param_hint=f"'{option}'") from error


def _names(text: str | None) -> list[str] | None:
    return [name.strip() for name in text.split(",") if name.strip()] if text else None


def _join(text: str | None) -> dict[str, str] | None:
    if text is None:
        return None
    view, _, key = text.partition(":")
    return {"view": view, "key": key} if key else {"view": view}


def _hit(hit: Any) -> dict[str, Any]:
    found = {"id": hit.id, "score": hit.score, "fields": dict(hit.fields)}
    return found if hit.features is None else {**found, "features": dict(hit.features)}


def _print(document: Any, output: Format) -> None:
    say(as_yaml(document) if output is Format.YAML else as_json(document))
