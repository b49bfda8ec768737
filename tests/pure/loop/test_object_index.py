"""Whatever comes and goes: an index finds what a look at every object finds."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock_operator.loop.index import ObjectIndex
from penstock_operator.ports import Object
from penstock_operator.references import feature_views, training_job

NAMES = ("a", "b", "c")
REFERENCE = st.fixed_dictionaries({"name": st.sampled_from(NAMES)})
SPECS = st.fixed_dictionaries(
    {
        "trainingJobRef": REFERENCE | st.none(),
        "features": st.lists(st.fixed_dictionaries({"featureViewRef": REFERENCE}), max_size=3),
    }
)
STEPS = st.tuples(st.sampled_from(("put", "remove", "ask")), st.sampled_from(("x", "y")), st.sampled_from(NAMES), SPECS)


def obj(namespace: str, name: str, spec: dict[str, Any]) -> Object:
    return {"kind": "Materialization", "metadata": {"namespace": namespace, "name": name}, "spec": spec}


@given(st.lists(STEPS, max_size=30))
def test_an_index_finds_what_a_look_at_every_object_finds(steps: list[Any]) -> None:
    index = ObjectIndex()
    there: dict[tuple[str, str], Object] = {}
    for step, namespace, name, spec in steps:
        if step == "put":
            there[namespace, name] = obj(namespace, name, spec)
            index.put(there[namespace, name])
        elif step == "remove":
            there.pop((namespace, name), None)
            index.remove("Materialization", namespace, name)
        for references in (training_job, feature_views) if step == "ask" else ():
            found = index.referring("Materialization", namespace, references, name)
            wanted = [o for (n, _), o in there.items() if n == namespace and name in references(o["spec"])]
            assert sorted(o["metadata"]["name"] for o in found) == sorted(o["metadata"]["name"] for o in wanted)
            everywhere = index.referring("Materialization", None, references, name)
            assert sorted(map(str, everywhere)) == sorted(
                str(o) for o in there.values() if name in references(o["spec"])
            )
    assert sorted(map(str, index.list("Materialization"))) == sorted(map(str, there.values()))
