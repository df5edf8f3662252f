"""The `zhike` command."""

from zhike.cli.main import main

__all__ = ["main"]
