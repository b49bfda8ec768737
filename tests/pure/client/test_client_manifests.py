"""What a manifest may hold, and how what is wrong with one is named."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from penstock.client import errors, manifests

HEAD = "apiVersion: penstock.dev/v1alpha1\nkind: VectorStore\nmetadata: {name: vectors}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "m.yaml: is not YAML"),
        ("", "no resource in it"),
        ("- 1", "m.yaml, document 1: is not a resource"),
        (f"{HEAD}---\nkind: Pod", "m.yaml, document 2: kind 'Pod' is not known"),
        (HEAD.replace("v1alpha1", "v1"), "apiVersion of VectorStore is 'penstock.dev/v1': write penstock.dev/v1alpha1"),
        (HEAD.replace("name:", "nam:"), "VectorStore has no metadata.name"),
        (f"{HEAD}spec: []", "spec of VectorStore 'vectors' is not an object"),
        (f"{HEAD}spec: {{a: .nan}}", "document 1: holds what JSON has not"),
        (f"{HEAD}spec: &a {{b: *a}}", "document 1: holds what JSON has not"),
        (f"{HEAD}spec: {{a: !!binary aGk=}}", "document 1: holds what JSON has not"),
        (f"{HEAD}---\n{HEAD}", r"document 2: VectorStore 'vectors' stands in .*document 1 already"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(errors.ManifestError, match=message):
        manifests.read(tmp_path / "m.yaml")


def test_a_folder_is_read_in_the_order_of_references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = "apiVersion: penstock.dev/v1alpha1\nmetadata: {name: a}\nkind: "
    (tmp_path / "a.yml").write_text(
        f"{head}Materialization\n---\n{head}TrainingJob\nspec: {{source: {{type: Path, path: code}}}}"
    )
    (tmp_path / "b.json").write_text('{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}}')
    (tmp_path / "notes.txt").write_text("no resource")
    monkeypatch.chdir(tmp_path.parent)
    assert manifests.read(tmp_path)[1]["spec"]["source"]["path"] == f"{tmp_path.name}/code"
    (tmp_path / "code").mkdir()
    documents = manifests.read(tmp_path)
    assert [document["kind"] for document in documents] == ["Secret", "TrainingJob", "Materialization"]
    assert documents[1]["spec"]["source"]["path"] == str(tmp_path.resolve() / "code")


def test_a_date_is_a_string_as_in_json(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(f"{HEAD}spec: {{a: 2024-01-01}}")
    assert manifests.read(tmp_path)[0]["spec"] == {"a": "2024-01-01"}


def test_standard_input_is_relative_to_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = HEAD.replace("VectorStore", "TrainingJob") + "spec: {source: {type: Path, path: .}}"
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    (document,) = manifests.read("-")
    assert document["spec"]["source"]["path"] == str(tmp_path.resolve())
