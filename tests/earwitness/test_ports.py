import json
import os
import socket
import subprocess
import sys
import time

import psutil
import pytest

from earwitness import ports
from earwitness.errors import InvalidInput, NotReady

SLEEP = "import time; print(flush=True); time.sleep(60)"


@pytest.fixture
def spawn():
    """Starts a Python process that runs the code, which prints a line when it is ready."""
    started = []

    def start(code=SLEEP):
        process = subprocess.Popen([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE, text=True)
        started.append(process)
        process.first_line = process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def process_runs(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


def test_a_taken_port_is_named_with_its_holder_and_the_key_to_change(listener):
    with pytest.raises(NotReady) as caught:
        ports.require_free("127.0.0.1", listener, "grpc_port")
    name = psutil.Process().name()
    assert caught.value.message == f"port {listener} is in use by {name} (pid {os.getpid()})"
    assert caught.value.field == f"127.0.0.1:{listener}"
    assert "grpc_port" in caught.value.remedy


def test_a_free_port_is_free_and_stays_so():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    for _ in range(2):
        ports.require_free("127.0.0.1", port, "grpc_port")


def test_a_port_whose_connections_linger_is_free():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()  # the side that closes first waits in TIME_WAIT
    ports.require_free("127.0.0.1", port, "grpc_port")


def test_an_address_of_another_machine_is_not_called_in_use():
    with pytest.raises(NotReady, match=r"192\.0\.2\.1:9000: cannot be listened on: .*assign"):
        ports.require_free("192.0.2.1", 9000, "grpc_port")


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_number_that_is_no_port_is_refused(port):
    with pytest.raises(InvalidInput, match=f"grpc_port: {port} is not a port"):
        ports.require_free("127.0.0.1", port, "grpc_port")


def test_a_recorded_process_is_ended_with_its_children(spawn, tmp_path):
    parent = spawn(f"import subprocess, sys; subprocess.Popen([sys.executable, '-S', '-c', {SLEEP!r}]).wait()")
    (child,) = psutil.Process(parent.pid).children()
    ports.record(tmp_path / "left.json", [parent.pid])
    ended = ports.end_recorded(tmp_path / "left.json")
    assert sorted(left.pid for left in ended) == sorted([parent.pid, child.pid])
    assert not any(process_runs(pid) for pid in (parent.pid, child.pid))


def test_a_process_recorded_beside_its_parent_is_ended_once(spawn, tmp_path):
    parent = spawn(f"import subprocess, sys; subprocess.Popen([sys.executable, '-S', '-c', {SLEEP!r}]).wait()")
    (child,) = psutil.Process(parent.pid).children()
    ports.record(tmp_path / "left.json", [child.pid, parent.pid])
    assert len(ports.end_recorded(tmp_path / "left.json")) == 2


def test_a_process_that_ignores_the_request_is_killed(spawn, tmp_path, monkeypatch):
    monkeypatch.setattr(ports, "GRACE_S", 0.2)
    stubborn = spawn(f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}")
    ports.record(tmp_path / "left.json", [stubborn.pid])
    started = time.monotonic()
    ports.end_recorded(tmp_path / "left.json")
    assert time.monotonic() - started >= 0.2
    assert not process_runs(stubborn.pid)


def test_a_process_with_another_start_time_is_left_alone(spawn, tmp_path):
    other = spawn()
    file = tmp_path / "left.json"
    ports.record(file, [other.pid])
    (entry,) = json.loads(file.read_text())
    file.write_text(json.dumps([entry | {"created": entry["created"] - 5}]))
    assert ports.end_recorded(file) == []
    assert other.poll() is None
    assert not file.exists()


def test_a_process_that_has_changed_its_name_is_ended(spawn, tmp_path):
    renamed = spawn(
        f"import pathlib; print(flush=True); input_ = pathlib.Path({str(tmp_path / 'go')!r})\n"
        "while not input_.exists(): pass\n"
        "pathlib.Path('/proc/self/comm').write_text('ray::Replica'); input_.unlink()\n" + SLEEP
    )
    ports.record(tmp_path / "left.json", [renamed.pid])
    (tmp_path / "go").touch()
    while (tmp_path / "go").exists():
        time.sleep(0.01)
    (ended,) = ports.end_recorded(tmp_path / "left.json")
    assert (ended.pid, ended.name) == (renamed.pid, "ray::Replica")


def test_a_process_that_is_gone_is_no_concern(spawn, tmp_path):
    gone, lives = spawn(), spawn()
    ports.record(tmp_path / "left.json", [gone.pid, lives.pid])
    gone.kill()
    gone.wait()
    ports.record(tmp_path / "again.json", [gone.pid, lives.pid])
    assert [left.pid for left in ports.end_recorded(tmp_path / "left.json")] == [lives.pid]
    assert [entry["pid"] for entry in json.loads((tmp_path / "again.json").read_text())] == [lives.pid]


def test_without_a_record_there_is_nothing_to_end(tmp_path):
    assert ports.end_recorded(tmp_path / "left.json") == []


def test_a_record_is_whole_or_as_it_was(tmp_path, monkeypatch):
    file = tmp_path / "deep" / "left.json"
    ports.record(file, [os.getpid()])
    before = file.read_text()

    def fail(values):
        raise OSError("the disk is full")

    monkeypatch.setattr(ports.json, "dumps", fail)
    with pytest.raises(OSError, match="full"):
        ports.record(file, [])
    assert file.read_text() == before


def test_a_record_takes_the_place_of_the_one_before(tmp_path):
    file = tmp_path / "left.json"
    ports.record(file, [os.getpid()])
    inode = file.stat().st_ino
    ports.record(file, [])
    assert file.read_text() == "[]"
    assert file.stat().st_ino != inode
    assert [path.name for path in tmp_path.iterdir()] == ["left.json"]
