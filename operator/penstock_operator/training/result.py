"""What changes the result of a run, and so is worth another one. Pure.

Where and how an attempt runs changes nothing: image, Ray, queue, tolerations, tokens, deadlines, retries, checkpoints.
"""

from __future__ import annotations

from typing import Any

from penstock.api.quantities import as_cpus
from penstock.api.source import Source
from penstock.api.trainingjob import TrainingJobSpec
from penstock.rundir.digests import digest_json


def result_digest(spec: TrainingJobSpec) -> str:
    """The same for specs that make the same of the same code.

    Order counts in `args` alone. What is empty or has its default counts as unset: a field that a newer operator brings
    changes no digest. The name of a ConfigMap is no code; its content is compared beside the digest.
    """
    parts: dict[str, Any] = {
        "source": _code(spec.source),
        "entrypoint": spec.entrypoint,
        "args": spec.args,
        "params": {param.name: param.value for param in spec.params},
        "env": {variable.name: variable.value for variable in spec.env if variable.value is not None},
        "workers": spec.workers.model_dump(mode="json", exclude_defaults=True, exclude={"cpus", "memory"}),
        "cpus": as_cpus(spec.workers.cores) if spec.workers.cores != 1 else None,
        "memory": spec.workers.memory_bytes,
        "strategy": spec.strategy.name if spec.strategy.name != "Single" else None,
        "options": {option.name: option.value for option in spec.strategy.options},
        "outputs": {output.name: str(output.kind) for output in spec.outputs},
    }
    return digest_json({name: part for name, part in parts.items() if part})


def _code(source: Source) -> dict[str, str]:
    """What tells one code from another: a commit is the same wherever it is fetched from."""
    if source.git is not None:
        return {"commit": source.git.revision, **({"path": source.git.path} if source.git.path else {})}
    if source.archive is not None:
        return {"archive": source.archive.digest}
    return {"path": source.path} if source.path is not None else {}
