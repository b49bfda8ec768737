"""What decides a staging, as a digest: a change of it stages the newest run again. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.api.materialization import MaterializationSpec
from penstock.api.stagedrun import StagedRun
from penstock.rundir.digests import digest_json
from penstock_operator.digest import spec_digest
from penstock_operator.materialization.observed import Targets
from penstock_operator.target import shape_digest

STAGING_FIELDS = ("features", "vectors", "gates")
"""The fields of the spec that decide what staging does, beside the views and collections that it names."""
OWN = "spec.features, vectors or gates"


def staging_digest(uid: str, spec: MaterializationSpec, targets: Targets) -> str:
    """The digest for a Materialization of this uid, all of whose targets are there."""
    return digest_json([uid, spec_digest(spec, STAGING_FIELDS), sorted(_shapes(targets))])


def changed(staged: StagedRun, targets: Targets) -> str:
    """What is another by now than when a run was staged, of which something is."""
    now = {(kind, name): digest for kind, name, digest in _shapes(targets)}
    then = [
        *(("FeatureView", one.feature_view_ref.name, shape_digest(one)) for one in staged.spec.features),
        *(("VectorCollection", one.vector_collection_ref.name, shape_digest(one)) for one in staged.spec.vectors),
    ]
    found = [f"{kind} {name!r}" for kind, name, digest in then if now.get((kind, name), digest) != digest]
    return " and ".join(found) or OWN


def _shapes(targets: Targets) -> Iterator[tuple[str, str, str]]:
    yield from (("FeatureView", name, shape_digest(view.spec)) for name, view in targets.views.items())
    yield from (("VectorCollection", name, shape_digest(one.spec)) for name, one in targets.collections.items())
