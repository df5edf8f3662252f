"""A made-up firm to try Zhike on: forty people, their customers, and two years of work up to today."""

from .load import load
from .remove import remove

__all__ = ["load", "remove"]
