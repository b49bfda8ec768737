"""The `penstock` command: kubectl's habits for Penstock's resources, and the local stack."""

from __future__ import annotations


def main() -> None:
    """Run the command; the exit codes are in `penstock.cli.exits`."""
    from penstock.cli.app import app

    app(prog_name="penstock")


__all__ = ["main"]
