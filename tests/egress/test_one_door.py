"""Nobody else opens a connection: imports of what could, anywhere in our code, fail the build."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CALLERS = {
    *("aiohttp", "asyncio", "ftplib", "gevent", "http.client", "httpcore", "httpx", "imaplib", "niquests", "nntplib"),
    *("paramiko", "poplib", "pycurl", "requests", "smtplib", "socket", "socketserver", "telnetlib", "tornado"),
    *("trio", "urllib.request", "urllib3", "webbrowser", "websocket", "websockets", "xmlrpc.client", "xmlrpc.server"),
}
# Who may, and why: the session knows no way out but the door; the launcher talks to the processes that it started; the
# bench asks its own server; the copy of the log goes where the environment of the server says.
ALLOWED = {
    "zhike/engine/egress.py": {"http.client", "socket"},
    "zhike/engine/egress_session.py": {"requests"},
    "zhike/engine/offbox.py": {"socket"},
    "zhike/launch/supervisor.py": {"http.client"},
    "zhike/launch/ports.py": {"socket"},
    "zhike/bench/site.py": {"socket"},
    "zhike/bench/start.py": {"urllib.request"},
}


def imported(source: str) -> set[str]:
    """Which of CALLERS a module imports, in whatever way and place."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and node.value in CALLERS and called_import(source):
            found.add(str(node.value))
    return {caller for caller in CALLERS for name in found if name == caller or name.startswith(f"{caller}.")}


def called_import(source: str) -> bool:
    """Whether the module imports by name at run time."""
    return "import_module" in source or "__import__" in source


def ours() -> list[Path]:
    """Every module of the product; tests may open connections."""
    found = [path for top in ("zhike", "config", "scripts") for path in (ROOT / top).rglob("*.py")]
    return [path for path in found if "tests" not in path.relative_to(ROOT).parts]


def test_only_the_door_opens_connections() -> None:
    found = {path.relative_to(ROOT).as_posix(): imported(path.read_text(encoding="utf-8")) for path in ours()}
    assert len(found) > 100
    assert {name: callers for name, callers in found.items() if callers} == ALLOWED


@pytest.mark.parametrize(
    ("source", "caller"),
    [
        ("import requests", "requests"),
        ("import requests.adapters as a", "requests"),
        ("from requests import get", "requests"),
        ("from urllib import request", "urllib.request"),
        ("from urllib.request import urlopen", "urllib.request"),
        ("import urllib.request", "urllib.request"),
        ("from http import client", "http.client"),
        ("def f():\n    import socket", "socket"),
        ("if True:\n    from smtplib import SMTP", "smtplib"),
        ("import importlib\nx = importlib.import_module('httpx')", "httpx"),
        ("x = __import__('socket')", "socket"),
    ],
)
def test_it_would_be_found(source: str, caller: str) -> None:
    assert imported(source) == {caller}


@pytest.mark.parametrize(
    "source", ["from urllib.parse import quote", "import http", "from .socket import x", "x = 'socket'"]
)
def test_what_is_harmless(source: str) -> None:
    assert imported(source) == set()
