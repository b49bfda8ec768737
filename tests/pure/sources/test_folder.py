"""Which files of a folder are its code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from penstock.sources import folder as module
from penstock.sources.errors import NotPackable
from penstock.sources.folder import read_folder
from penstock.sources.ignore import read_ignored


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "code"
    for name in (
        "train.py",
        "pkg/model.py",
        "pkg/__pycache__/model.pyc",
        ".git/HEAD",
        ".venv/bin/python",
        "data/x.csv",
    ):
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return made


def test_code_is_taken_and_what_tools_left_is_not(folder: Path) -> None:
    assert sorted(read_folder(folder)) == ["data/x.csv", "pkg/model.py", "train.py"]
    assert read_folder(folder)["pkg/model.py"].content == b"pkg/model.py"


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("data/", ["pkg/model.py", "train.py"]),
        ("*.csv", ["pkg/model.py", "train.py"]),
        ("/train.py", ["data/x.csv", "pkg/model.py"]),
        ("pkg/*.py", ["data/x.csv", "train.py"]),
        ("**/model.py", ["data/x.csv", "train.py"]),
        ("model.py", ["data/x.csv", "train.py"]),
        ("# data/\n\ntrain.py/", ["data/x.csv", "pkg/model.py", "train.py"]),
        ("[a-d]ata", ["pkg/model.py", "train.py"]),
        ("*\n!*/\n!*.py", ["pkg/model.py", "train.py"]),
        ("*\n!*.py\n!*/", ["pkg/model.py", "train.py"]),
        ("pkg/*\n!pkg/model.py", ["data/x.csv", "pkg/model.py", "train.py"]),
        ("/*\n!/pkg/", ["pkg/model.py"]),
        ("*\n!pkg/", []),
        ("pkg/\n!pkg/model.py", ["data/x.csv", "train.py"]),
        ("!__pycache__\n!.git", ["data/x.csv", "pkg/model.py", "train.py"]),
        ("\\!x\ntrain.py   ", ["data/x.csv", "pkg/model.py"]),
    ],
)
def test_a_penstockignore_leaves_out_what_it_names(folder: Path, pattern: str, left: list[str]) -> None:
    (folder / ".penstockignore").write_text(pattern)
    assert sorted(read_folder(folder)) == left


@pytest.mark.parametrize("pattern", ["!", "[z-a]"])
def test_a_pattern_that_is_none_is_named(folder: Path, pattern: str) -> None:
    (folder / ".penstockignore").write_text(pattern)
    with pytest.raises(NotPackable, match=r"\.penstockignore: "):
        read_ignored(folder)


def test_a_link_inside_is_followed_and_one_out_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "again").symlink_to("pkg")
    assert read_folder(folder)["again/model.py"].content == b"pkg/model.py"
    (tmp_path / "secret").write_text("s3cret")
    (folder / "out").symlink_to(tmp_path / "secret")
    with pytest.raises(NotPackable, match=r"out leads out of the folder, to .*secret"):
        read_folder(folder)


def test_a_circle_and_a_pipe_are_refused(folder: Path) -> None:
    (folder / "pkg" / "round").symlink_to("..")
    with pytest.raises(NotPackable, match="leads round in a circle"):
        read_folder(folder)
    (folder / "pkg" / "round").unlink()
    os.mkfifo(folder / "pipe")
    with pytest.raises(NotPackable, match="pipe is neither a file nor a folder"):
        read_folder(folder)


def test_a_folder_that_is_too_large_says_what_to_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 2)
    with pytest.raises(NotPackable, match=r"more than 2 files: name what is no code in \.penstockignore"):
        read_folder(folder)
    monkeypatch.setattr(module, "MOST_FILES", 10)
    with (folder / "big").open("wb") as big:
        big.truncate(module.MOST_BYTES)
    with pytest.raises(NotPackable, match="more than 100 MiB"):
        read_folder(folder)
