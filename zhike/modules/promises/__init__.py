"""Promises: what we promised whom by when, whether it can be done, and whether it was kept."""
