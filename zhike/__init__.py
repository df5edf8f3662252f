"""Zhike 知客: a CRM that closes the loop from agreed standards to measured results."""

__version__ = "0.1.0"
