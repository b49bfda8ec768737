"""One commit of a Git repository, by the `git` command.

https://git-scm.com/docs/git-fetch
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from penstock.handoff import GitCode
from penstock.train.errors import SourceError

SECONDS = 600
USER = "x-access-token"
"""The user of a bare token: what GitHub wants, and GitLab takes."""
HELPER = (
    """!f() { test "$1" != get || printf 'username=%s\\npassword=%s\\n' """
    """"$PENSTOCK_USER" "$PENSTOCK_PASSWORD"; }; f"""
)


def fetch_commit(git: GitCode, folder: Path, token: str | None = None) -> None:
    """Put the files of a commit into an empty folder, with no history and no `.git`.

    Args:
        git: repository and commit.
        folder: an empty one.
        token: for HTTPS; `user:password`, or a token alone. It goes to git by variables and to this repository's host.

    Raises:
        SourceError: git is not there, the repository does not give the commit, or it took too long.
    """
    env = _environment(git.url, token)
    _git(folder, env, git, "init", "--quiet", "--template=", ".")
    _git(folder, env, git, "fetch", "--quiet", "--depth=1", "--no-tags", git.url, git.revision)
    found = _git(folder, env, git, "rev-parse", "FETCH_HEAD^{commit}").strip()
    if found != git.revision:
        raise SourceError(f"spec.source.git: {git.revision} is not a commit of {git.url}, but leads to {found}")
    _git(folder, env, git, "checkout", "--quiet", "--detach", git.revision)
    shutil.rmtree(folder / ".git")


def _environment(url: str, token: str | None) -> dict[str, str]:
    """Variables of git: no questions, no hooks, no settings but ours, and the token for this host alone."""
    settings = {
        "core.hooksPath": os.devnull,
        "http.lowSpeedLimit": "1000",
        "http.lowSpeedTime": "60",
        "protocol.allow": "never",
        **{f"protocol.{name}.allow": "always" for name in ("http", "https", "ssh", "git", "file")},
    }
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
        "LC_ALL": "C",
    }
    if token is not None:
        parts = urlsplit(url)
        host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
        settings[f"credential.{parts.scheme}://{host}.helper"] = HELPER
        user, separator, password = token.strip().partition(":")
        env |= {"PENSTOCK_USER": user if separator else USER, "PENSTOCK_PASSWORD": password if separator else user}
    env["GIT_CONFIG_COUNT"] = str(len(settings))
    for number, (key, value) in enumerate(settings.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return env


def _git(folder: Path, env: dict[str, str], git: GitCode, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except FileNotFoundError:
        raise SourceError("spec.source.git: there is no git where Ray runs: add it to the image of the head") from None
    except subprocess.TimeoutExpired:
        raise SourceError(f"spec.source.git: {git.url} gave nothing within {SECONDS} s") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or [f"git ended with {done.returncode}"]
        raise SourceError(
            f"spec.source.git: {git.revision} cannot be had from {git.url} ({said[0]}): check the URL, that the "
            "commit was pushed, and tokenSecretKeyRef"
        )
    return done.stdout
