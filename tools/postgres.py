"""A real PostgreSQL server in a temporary folder, for tests and trials."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

REQUIRED = "EARWITNESS_REQUIRE_POSTGRES"
"""Set where a missing server is a failure, not a reason to skip."""


def binaries() -> Path | None:
    """Returns the folder with initdb and postgres, None where PostgreSQL is not installed."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).parent] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((folder for folder in reversed(found) if (folder / "initdb").is_file()), None)


@contextmanager
def server() -> Generator[str]:
    """Runs a server and yields the URL of an empty database; root runs it as the user `postgres`."""
    folder = binaries()
    if folder is None:
        raise FileNotFoundError("PostgreSQL is not installed: apt-get install postgresql")
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        data, port = Path(name) / "data", _free_port()
        if os.getuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(name, account.pw_uid, account.pw_gid)
        initdb = [folder / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
        _as_user(initdb, check=True, stdout=subprocess.DEVNULL)
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {name} -c fsync=off"
        control = [folder / "pg_ctl", "-D", data, "-w", "-s"]
        _as_user([*control, "-o", options, "-l", Path(name) / "log", "start"], check=True)
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            _as_user([*control, "-m", "immediate", "stop"], check=False)


@contextmanager
def database(url: str) -> Generator[str]:
    """Makes an empty database on a server, and yields its URL; it is gone afterwards."""
    import psycopg

    name = f"database_{uuid.uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        try:
            yield f"{url.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _as_user(command: list[str | Path], **options: object) -> None:
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
    subprocess.run([*user, *map(str, command)], cwd="/", **options)  # type: ignore[call-overload]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
