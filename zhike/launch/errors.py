"""The one error of the launcher: always a sentence for the person at the terminal."""


class LaunchError(Exception):
    """Zhike cannot start; the text says what is wrong, where, and what to do."""
