"""The role file; it stands in the last module, which knows all entities."""

from __future__ import annotations

from pathlib import Path

from zhike.engine.roles import RoleFile

BUSINESS = RoleFile.read(Path(__file__).with_name("roles.toml"))
