"""Targets: how much somebody wants to reach in a period, and how much of it is done."""
