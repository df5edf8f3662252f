"""Work that outlives a request: what the worker runs."""
