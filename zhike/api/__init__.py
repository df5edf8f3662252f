"""The REST API: every entity through one set of addresses, a thin skin on the read gate and the write path."""
