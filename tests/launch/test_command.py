"""`zhike serve` as a person runs it: the port taken, Ctrl-C, and kill -9 of everything."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import psycopg
import pytest

from zhike.cli import main
from zhike.launch import postgres, processes
from zhike.launch.paths import CODE


class Run:
    """`zhike serve` on a data folder, up and announcing its address."""

    def __init__(self, home: Path, port: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "zhike", "serve", "--port", str(port), "--workers", "1"],
            cwd=CODE,
            env={**os.environ, "ZHIKE_HOME": str(home), "ZHIKE_LANG": "en", "HOME": ""},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line.strip())
            if line.startswith("Zhike is ready"):
                break
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", "\n".join(self.said))
        assert found, self.said
        self.url, self.port = found[0], int(found[1])

    def status(self) -> int:
        """HTTP status of the sign-in page."""
        try:
            with urllib.request.urlopen(self.url + "login", timeout=20) as answer:  # noqa: S310
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def family(self) -> list[int]:
        """Numbers of the web server, its workers and the job worker."""
        parents = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
        children = [pid for pid, parent in parents.items() if parent == self.process.pid]
        return children + [pid for pid, parent in parents.items() if parent in children]


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_serve_survives_what_happens_to_it(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = Run(home, port)
    assert f"Port {port} is taken; using {run.port}." in run.said
    assert (run.status(), run.port > port) == (200, True)

    data = home / "postgres" / "data"
    for pid in [run.process.pid, *run.family(), *processes.of_cluster(data)]:
        processes.send(pid, signal.SIGKILL)
    run.process.wait()

    again = Run(home, run.port)
    assert (again.port, again.status()) == (run.port, 200)
    second = subprocess.run(
        [sys.executable, "-m", "zhike", "serve"],
        check=False,
        cwd=CODE,
        env={**os.environ, "ZHIKE_HOME": str(home), "ZHIKE_LANG": "en"},
        capture_output=True,
        text=True,
    )
    assert (second.returncode, again.url in second.stderr) == (1, True)

    family = again.family()
    again.process.send_signal(signal.SIGINT)
    assert again.process.wait(30) == 0
    left = [pid for pid in family if Path(f"/proc/{pid}/cwd").exists()]
    assert (left, processes.of_cluster(data), (home / "running.json").exists()) == ([], [], False)
    assert (home / "secret_key").stat().st_mode & 0o777 == 0o600


@pytest.mark.long
def test_a_server_of_ones_own_that_lags_behind_is_not_served(home: Path) -> None:
    with postgres.ensure(home) as server:
        environment = {**os.environ, "ZHIKE_HOME": str(home), "DATABASE_URL": server.scratch("lag"), "ZHIKE_LANG": "en"}

        def zhike(*words: str) -> "subprocess.CompletedProcess[str]":
            command = [sys.executable, "-m", "zhike", *words]
            return subprocess.run(command, check=False, cwd=CODE, env=environment, capture_output=True, text=True)

        refused = zhike("serve")
        assert (refused.returncode, "Run `zhike migrate`" in refused.stderr) == (1, True)
        assert zhike("migrate").returncode == 0
        findings = {finding["name"]: finding["ok"] for finding in json.loads(zhike("check", "--json").stdout)}
        assert (findings["migrations"], findings["database"]) == (True, True)
        added = zhike("user", "add", "zhangsan", "--name", "张三")
        assert (added.returncode, "zhangsan can log in now." in added.stderr) == (0, True)
        links = [
            re.search(r"http://\S+/invitation/\S+", said.stderr) for said in (added, zhike("user", "link", "zhangsan"))
        ]
        assert all(links)
        with psycopg.connect(environment["DATABASE_URL"]) as connection:
            assert connection.execute("SELECT username, name FROM base_user").fetchall() == [("zhangsan", "张三")]
        again = zhike("user", "add", "zhangsan")
        assert (again.returncode, "already" in again.stderr) == (1, True)


@pytest.mark.parametrize(
    "words", ["demo", "serve", "worker", "migrate", "user add", "user link", "import", "export", "bench", "check"]
)
def test_every_command_explains_itself(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([*words.split(), "--help"])
    shown = capsys.readouterr().out
    assert (end.value.code, shown.startswith(f"usage: zhike {words}")) == (0, True)
    if words in ("import", "export", "bench", "check"):
        assert "--json" in shown
