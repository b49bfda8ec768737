"""kubectl on the laptop: the embedded API answers it as a server of Kubernetes would."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio.to_thread
import pytest

from penstock_operator.local.apiserver.api import create_app
from penstock_operator.local.apiserver.certificates import loopback_certificate
from penstock_operator.local.apiserver.kubeconfig import write_kubeconfig
from penstock_operator.local.apiserver.serve import listening
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.local.stack.sockets import free_port

pytestmark = pytest.mark.apiserver

STORE = "apiVersion: penstock.dev/v1alpha1\nkind: VectorStore\nmetadata: {name: extra}\nspec: {timeoutSeconds: 3}\n"
Kubectl = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
async def kubectl(tmp_path: Path) -> AsyncIterator[Kubectl]:
    program = Path(os.environ.get("KUBEBUILDER_ASSETS", "")) / "kubectl"
    if not program.is_file():
        pytest.skip("KUBEBUILDER_ASSETS has no kubectl")
    certificate, port = loopback_certificate(tmp_path / "tls"), free_port()
    config = tmp_path / "kubeconfig"
    token = write_kubeconfig(config, f"https://127.0.0.1:{port}", "", certificate.certificate.read_bytes())
    env = {**os.environ, "KUBECONFIG": str(config), "HOME": str(tmp_path)}

    def run(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [str(program), *words]
        return subprocess.run(command, env=env, input=stdin, capture_output=True, text=True, timeout=60, check=False)

    store = ObjectStore(tmp_path / "state.db")
    async with listening(create_app(store, token), port, certificate):
        yield run
    store.close()


async def test_kubectl_applies_reads_explains_and_deletes(kubectl: Kubectl) -> None:
    def work() -> None:
        def said(*words: str, stdin: str = "") -> str:
            done = kubectl(*words, stdin=stdin)
            assert done.returncode == 0, done.stderr
            return done.stdout

        assert said("apply", "-f", "-", stdin=STORE) == "vectorstore.penstock.dev/extra created\n"
        assert said("apply", "-f", "-", stdin=STORE) == "vectorstore.penstock.dev/extra unchanged\n"
        assert "serverside-applied" in said("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=STORE)
        assert said("get", "penstock", "-o", "name") == "vectorstore.penstock.dev/extra\n"
        header, row = (line.split() for line in said("get", "vst").splitlines())
        assert header == ["NAME", "READY", "REASON", "VERSION", "AGE"]
        assert row[0] == "extra"
        assert "timeoutSeconds" in said("explain", "vectorstore.spec")
        assert "Timeout Seconds:  3" in said("describe", "vst", "extra")
        said("patch", "vst", "extra", "--type=merge", "-p", '{"spec":{"timeoutSeconds":4}}')
        assert said("get", "vst", "extra", "-o", "jsonpath={.spec.timeoutSeconds} {.metadata.generation}") == "4 2"
        assert "deleted" in said("delete", "vst/extra")
        assert said("get", "vst", "-o", "name") == ""

    await anyio.to_thread.run_sync(work)


async def test_kubectl_is_told_the_field_that_is_wrong(kubectl: Kubectl) -> None:
    def work() -> None:
        for words in (("apply",), ("apply", "--server-side")):
            refused = kubectl(*words, "-f", "-", stdin=STORE.replace("timeoutSeconds", "timeoutSecnds"))
            assert refused.returncode == 1
            assert "spec.timeoutSecnds: unknown field" in refused.stderr
        bad = kubectl("apply", "-f", "-", stdin=STORE.replace("3}", "900}"))
        assert bad.returncode == 1
        assert "spec.timeoutSeconds: Invalid value" in bad.stderr
        assert "NotFound" in kubectl("get", "vst", "nope").stderr

    await anyio.to_thread.run_sync(work)
