"""Gates: what a run must hold to be served, and what was measured of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from penstock.api.meta import Identifier, Model, Rule, StatusModel, union
from penstock.api.quantities import Distance, Number, Positive, Share


class MinRows(Model):
    """At least so many rows."""

    output: Identifier
    rows: int = Field(ge=1)


class MaxNullFraction(Model):
    """At most this share of nulls and NaNs in a column, or in the worst one."""

    output: Identifier
    column: Identifier | None = None
    fraction: Share


class MetricThreshold(Model):
    """A metric of the manifest within bounds."""

    RULES = (
        Rule("has(self.min) || has(self.max)", "set min, max, or both"),
        Rule(
            "!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)",
            "min is above max: no run can pass",
        ),
    )

    metric: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    min: Number | None = None
    max: Number | None = None


class IndexRecall(Model):
    """The recall of the index against exact search, on sampled rows."""

    output: Identifier
    k: int = Field(10, ge=1, le=1000)
    min: Share
    sample: int = Field(64, ge=1, le=10_000)


class Canary(Model):
    """A stored row that must find its expected neighbours."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=256)] = Field(description="Id of the query row.")
    expect: list[Annotated[str, StringConstraints(min_length=1, max_length=256)]] = Field(min_length=1, max_length=32)


class CanaryQueries(Model):
    """Canaries whose expected neighbours are among the k nearest."""

    output: Identifier
    k: int = Field(10, ge=1, le=1000)
    queries: list[Canary] = Field(min_length=1, max_length=32)


class PopulationStability(Model):
    """The population stability index of a feature against the active run, at most `max`."""

    output: Identifier
    column: Identifier | None = Field(None, description="Unset: the worst of the numeric columns.")
    max: Positive = Field(description="0.1 is little change, 0.25 a large one.")


class CentroidShift(Model):
    """The cosine distance between this run's centroid and the active run's, at most `max`."""

    output: Identifier
    max: Distance


class GateType(StrEnum):
    """What a gate measures."""

    MIN_ROWS = "MinRows"
    MAX_NULL_FRACTION = "MaxNullFraction"
    METRIC = "Metric"
    INDEX_RECALL = "IndexRecall"
    CANARIES = "Canaries"
    POPULATION_STABILITY = "PopulationStability"
    CENTROID_SHIFT = "CentroidShift"

    @property
    def member(self) -> str:
        """The field of a gate that goes with it."""
        return self[0].lower() + self[1:]


class Gate(Model):
    """One named check: the member that `type` names.

    A type that this version does not know, and its member, are read all the same: the gate is there, and fails.
    """

    model_config = ConfigDict(extra="ignore")
    ATOMIC = True
    RULES = union({type_.value: type_.member for type_ in GateType})

    name: Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
    type: Annotated[str, Field(json_schema_extra={"enum": [type_.value for type_ in GateType]})]
    min_rows: MinRows | None = None
    max_null_fraction: MaxNullFraction | None = None
    metric: MetricThreshold | None = None
    index_recall: IndexRecall | None = None
    canaries: CanaryQueries | None = None
    population_stability: PopulationStability | None = None
    centroid_shift: CentroidShift | None = None


class GateResult(StatusModel):
    """What a gate measured."""

    name: Annotated[str, StringConstraints(max_length=63)]
    passed: bool
    value: float | None = None
    bound: Annotated[str, StringConstraints(max_length=128)] = ""
    message: Annotated[str, StringConstraints(max_length=2048)] = ""
