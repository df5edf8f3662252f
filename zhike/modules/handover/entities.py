"""What this module adds to the entities of others: what is over, how well relations last."""

from __future__ import annotations

from zhike.engine import leaving
from zhike.engine.entity import lend

from . import running
from .computed import COMPUTED

lend("account", *COMPUTED)
leaving.PLANS.append(running.is_running)
