"""`earwitness serve` with metrics and a log of JSON, as a process of its own."""

import json
import re
import subprocess
import sys
import urllib.request

from earwitness import logs
from services.cli.main import main

SERVE = ["serve", "llm", "--set", "engine=echo", "--port", "0"]


def said(process, pattern):
    """Returns what the process says next that the pattern finds."""
    for line in process.stdout:
        if found := re.search(pattern, line.strip()):
            return found[1]
    raise AssertionError(f"it said nothing like {pattern}")


def test_a_server_shows_its_metrics_and_logs_one_line_of_json_per_call():
    command = [sys.executable, "-m", "services.cli", *SERVE, "--metrics-port", "0", "--log-format", "json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        address = said(process, r"on (127\.0\.0\.1:\d+)$")
        page = said(process, r"metrics at (http://\S+/metrics)$")
        call = [sys.executable, "-m", "services.cli", "call", "generate", "a secret", "--address", address]
        assert subprocess.run(call, capture_output=True, text=True, timeout=60, check=True).stdout == "a secret\n"
        with urllib.request.urlopen(page, timeout=5) as answer:
            text = answer.read().decode()
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    counted = 'earwitness_llm_calls_total{caller="anonymous",code="OK",model="echo",rpc="Generate"} 1.0'
    assert counted in text.splitlines()
    (line,) = [json.loads(line) for line in errors.splitlines()]
    assert (line["rpc"], line["code"]) == ("Generate", "OK")
    assert "secret" not in errors


def test_without_a_wish_the_log_is_text(monkeypatch):
    monkeypatch.delenv(logs.FORMAT, raising=False)
    process = subprocess.Popen(
        [sys.executable, "-m", "services.cli", *SERVE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        address = said(process, r"on (127\.0\.0\.1:\d+)$")
        call = [sys.executable, "-m", "services.cli", "call", "generate", "hello", "--address", address]
        subprocess.run(call, capture_output=True, timeout=60, check=True)
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=20)
    assert re.search(
        r"INFO earwitness\.account: Generate OK \S+ ms caller=anonymous request=[0-9a-f]{32}$", errors.strip()
    )


def test_a_port_of_metrics_that_ray_or_another_holds_is_refused_in_one_line(capsys):
    assert main([*SERVE, "--ray", "--metrics-port", "9400"]) == 1
    assert "--metrics-port: Ray serves the metrics" in capsys.readouterr().err
