"""Takes the demo firm away and leaves what others have entered."""

from __future__ import annotations


def remove() -> None:
    """To be done."""
    raise NotImplementedError
