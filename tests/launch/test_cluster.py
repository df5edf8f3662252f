"""The embedded server keeps every committed row, whatever happens to its processes."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg
import pytest

from zhike.launch import binaries, postgres, processes
from zhike.launch.cluster import Cluster
from zhike.launch.errors import LaunchError
from zhike.launch.postgres import Server

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")


def write(server: Server, number: int) -> None:
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [number])


def numbers(server: Server) -> list[int]:
    with psycopg.connect(server.url) as connection:
        return [row[0] for row in connection.execute("SELECT number FROM kept ORDER BY number")]


def cluster(server: Server) -> Cluster:
    assert server.cluster is not None
    return server.cluster


def kill(pids: list[int]) -> None:
    for pid in pids:
        processes.send(pid, signal.SIGKILL)


def test_rows_outlive_a_stop_and_nothing_is_left_running(empty_home: Path) -> None:
    with postgres.ensure(empty_home) as server:
        write(server, 1)
        data = cluster(server).data
        assert processes.of_cluster(data) != []
    assert processes.of_cluster(data) == []
    with postgres.ensure(empty_home) as server:
        assert numbers(server) == [1]


def test_text_is_utf8_by_code_point_and_no_network_port_is_open(home: Path) -> None:
    with postgres.ensure(home) as server, psycopg.connect(server.url) as connection:
        row = connection.execute(
            "SELECT current_setting('server_encoding'), current_setting('listen_addresses'), lower('ÄÉ'),"
            " 'ab' COLLATE \"default\" > 'B', current_setting('TimeZone'),"
            " (SELECT rolsuper FROM pg_roles WHERE rolname = current_user), current_setting('data_checksums')"
        ).fetchone()
        assert row == ("UTF8", "", "äé", True, "UTC", False, "on")


def test_a_killed_postmaster_comes_back_with_every_committed_row(home: Path) -> None:
    with postgres.ensure(home) as server:
        write(server, 1)
        with psycopg.connect(server.url, autocommit=True) as busy:
            busy.execute("BEGIN")
            busy.execute("INSERT INTO kept VALUES (2)")
            kill([processes.recorded(cluster(server).data) or 0])
            with pytest.raises(psycopg.OperationalError):
                busy.execute("SELECT pg_sleep(20)")
        before = server.url
        server.revive()
        assert (server.url, numbers(server)) == (before, [1])


def test_after_kill_of_every_process_the_next_start_recovers(home: Path) -> None:
    server = postgres.ensure(home)
    write(server, 1)
    kill(processes.of_cluster(cluster(server).data))
    with postgres.ensure(home) as again:
        assert numbers(again) == [1]


def test_a_process_number_that_went_to_another_program_does_not_block_the_start(home: Path) -> None:
    server = postgres.ensure(home)
    write(server, 1)
    data = cluster(server).data
    lines = processes.pid_file(data)
    kill(processes.of_cluster(data))
    while processes.of_cluster(data):
        time.sleep(0.01)
    owner = data.stat()
    with subprocess.Popen(["sleep", "60"], user=owner.st_uid) as stranger:
        (data / "postmaster.pid").write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        os.chown(data / "postmaster.pid", owner.st_uid, owner.st_gid)
        with postgres.ensure(home) as again:
            assert numbers(again) == [1]
        assert stranger.poll() is None
        stranger.kill()


def test_a_cluster_half_made_is_made_anew(empty_home: Path) -> None:
    part = empty_home / "postgres" / "data.part"
    part.mkdir(parents=True)
    (part / "PG_VERSION").write_text("18\n")
    with postgres.ensure(empty_home) as server:
        write(server, 1)
    assert not part.exists()


def test_the_last_user_of_a_data_folder_stops_the_server(home: Path) -> None:
    first = postgres.ensure(home)
    second = postgres.ensure(home)
    first.stop()
    assert second.alive()
    second.stop()
    assert not cluster(second).running()


def test_a_scratch_database_is_empty_each_time(home: Path) -> None:
    with postgres.ensure(home) as server:
        for _round in range(2):
            with psycopg.connect(server.scratch("trial")) as connection:
                connection.execute("CREATE TABLE once (number int)")
                row = connection.execute("SELECT current_database()").fetchone()
                assert row == ("zhike_scratch_trial",)
        with pytest.raises(ValueError, match="x; DROP"):
            server.scratch("x; DROP")


def test_other_accounts_of_the_machine_cannot_enter(home: Path) -> None:
    with postgres.ensure(home) as server:
        folder = Path((cluster(server).base / "socket_folder").read_text())
        assert (folder.stat().st_mode & 0o777, cluster(server).data.stat().st_mode & 0o777) == (0o700, 0o700)


@as_root
def test_another_account_is_refused_at_the_socket(home: Path) -> None:
    with postgres.ensure(home) as server:
        account = cluster(server).account
        folder = Path((cluster(server).base / "socket_folder").read_text())
        sees = ["test", "-S", str(folder / ".s.PGSQL.5432")]
        stranger = next(name for name in ("nobody", "daemon") if name != account.name)
        assert subprocess.run(sees, check=False, user=account.name).returncode == 0
        assert subprocess.run(sees, check=False, user=stranger).returncode == 1


@as_root
def test_root_with_a_closed_folder_puts_the_cluster_elsewhere_and_changes_no_mode(
    empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "FOREIGN_TOP", empty_home.parent / "elsewhere")
    closed = empty_home / "closed" / "data"
    closed.mkdir(parents=True)
    closed.parent.chmod(0o700)
    with postgres.ensure(closed) as server:
        write(server, 1)
        base = cluster(server).base
        assert base.parent == empty_home.parent / "elsewhere"
    assert closed.parent.stat().st_mode & 0o777 == 0o700
    with postgres.ensure(closed) as server:
        assert numbers(server) == [1]

    shutil.copytree(closed, empty_home / "copy")
    with pytest.raises(LaunchError, match="is a copy of"):
        postgres.ensure(empty_home / "copy")

    moved = closed.rename(empty_home / "moved")
    with postgres.ensure(moved) as server:
        assert numbers(server) == [1]
    cluster(server).remove()


@as_root
def test_programs_that_the_account_cannot_reach_are_copied(empty_home: Path) -> None:
    found = binaries.choose(None)
    assert found.package is not None
    closed = empty_home / "closed"
    for tree in (found.package, found.package.with_name(found.package.name + ".libs")):
        shutil.copytree(tree, closed / tree.name, symlinks=True)
    closed.chmod(0o700)
    package = closed / found.package.name
    unreachable = binaries.Binaries(package / "pginstall" / "bin", found.version, package)
    account = Cluster(empty_home, empty_home / "log", {}).account
    usable = binaries.readable(unreachable, account, empty_home)
    answer = account.run(usable.folder / "postgres", "--version")
    assert (answer.returncode, usable.folder.is_relative_to(empty_home / f"postgresql-{found.version}")) == (0, True)


def test_a_cluster_of_a_version_without_programs_says_the_way_out(empty_home: Path) -> None:
    data = empty_home / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("14\n")
    owner = empty_home.stat()
    os.chown(data, owner.st_uid, owner.st_gid)
    if os.geteuid() == 0:
        shutil.chown(data, "nobody")
    if any(Path("/usr/lib/postgresql/14").glob("bin/postgres")):
        pytest.skip("this machine has PostgreSQL 14")
    with pytest.raises(LaunchError, match=r"made by PostgreSQL 14.*postgresql-14.*ZHIKE_PG_BIN"):
        postgres.ensure(empty_home)


def test_a_cluster_keeps_to_its_own_version(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = binaries.choose(None)
    older = next((place for place in Path("/usr/lib/postgresql").glob("1[567]/bin")), None)
    if older is None:
        pytest.skip("this machine has no older PostgreSQL beside the packaged one")
    monkeypatch.setenv("ZHIKE_PG_BIN", str(older))
    with postgres.ensure(empty_home) as server:
        write(server, 1)
    monkeypatch.delenv("ZHIKE_PG_BIN")
    with postgres.ensure(empty_home) as server, psycopg.connect(server.url) as connection:
        assert connection.info.server_version // 10000 == int(older.parent.name) != packaged.major
        assert connection.execute("SELECT lower('ÄÉ')").fetchone() == ("äé",)


@as_root
def test_a_normal_user_runs_a_cluster_of_their_own(empty_home: Path) -> None:
    normal = pwd.getpwnam("daemon")
    os.chown(empty_home, normal.pw_uid, normal.pw_gid)
    # A fork and no new program: the interpreter may lie where that user cannot start it.
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(normal.pw_gid)
            os.setuid(normal.pw_uid)
            with postgres.ensure(empty_home) as server:
                write(server, 1)
                code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (empty_home / "postgres" / "data").stat().st_uid == normal.pw_uid
    with postgres.ensure(empty_home) as server:  # root runs it as its owner, too
        assert (cluster(server).account.name, numbers(server)) == ("daemon", [1])
