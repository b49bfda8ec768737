"""A kind that is managed and has a rule for its deletion, and the chart with its policy: for tests of the mechanism."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import ClassVar

from penstock.api import Resource
from penstock.api.meta import Model, Rule, Status
from penstock.crds import files, policies

CHART = Path(__file__).parents[2] / "charts" / "penstock"


class RelicSpec(Model):
    """What it is."""

    note: str = ""
    served: bool = False


class Relic(Resource):
    """Made by the control plane alone."""

    PLURAL = "relics"
    MANAGED: ClassVar[bool] = True
    DELETION_RULES = (
        Rule("!oldObject.spec.served", "it is served: withdraw it first"),
        Rule("oldObject.spec.note != '{{ kept }}'", "it is kept, in helm's own letters: {{ kept }}"),
    )

    kind: str = "Relic"
    spec: RelicSpec
    status: Status


def chart_with_policy(folder: Path) -> Path:
    """A copy of the chart whose only generated policy is that of relics."""
    chart = shutil.copytree(CHART, folder / "penstock")
    files.write(chart / "templates" / "admission", policies.render_templates([Relic]))
    return chart
