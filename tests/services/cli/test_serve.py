"""`earwitness serve` and `earwitness call` as another team would use them: processes, certificates, tokens."""

import json
import os
import re
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from services.cli.main import main
from tests.certificates import Authority

TOKEN = "s3cret-0123456789abcdef"
EARWITNESS = [sys.executable, "-m", "services.cli"]
ECHO = ["serve", "llm", "--set", "engine=echo", "--port", "0"]


def environment():
    return {name: value for name, value in os.environ.items() if not name.startswith("EARWITNESS_TOKEN")}


def said(process, pattern):
    """Returns what a process says next that the pattern finds."""
    lines = []
    while line := process.stdout.readline():
        lines.append(line)
        if found := re.search(pattern, line.strip()):
            return found[1]
    raise AssertionError(lines)


@contextmanager
def serving(*arguments):
    """Runs a server; yields its address."""
    process = subprocess.Popen(
        [*EARWITNESS, *ECHO, *map(str, arguments)], stdout=subprocess.PIPE, text=True, env=environment()
    )
    try:
        yield said(process, r"on (127\.0\.0\.1:\d+)$")
    finally:
        process.terminate()
        assert process.wait(20) == 0


def run(*arguments):
    return subprocess.run(
        [*EARWITNESS, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False, env=environment()
    )


def test_a_guarded_server_answers_whoever_has_certificate_and_token_and_nobody_else(tmp_path):
    authority = Authority(tmp_path)
    server, client = authority.sign("server"), authority.sign("client")
    callers, token = tmp_path / "callers.yaml", tmp_path / "token"
    callers.write_text(f"callers: [{{name: me, token: {TOKEN}}}]")
    token.write_text(TOKEN)
    ca = authority.pair.cert
    tls = ["--tls-cert", server.cert, "--tls-key", server.key, "--tls-client-ca", ca]
    with serving(*tls, "--callers", callers, "--no-reflection") as address:
        ask = ["call", "generate", "Hello there", "--address", address, "--timeout", 10]
        mine = ["--tls-ca", ca, "--tls-cert", client.cert, "--tls-key", client.key]
        answered = run(*ask, *mine, "--token-file", token)
        assert (answered.returncode, answered.stdout) == (0, "Hello there\n"), answered.stderr
        without_token = run(*ask, *mine)
        without_certificate = run(*ask, "--tls-ca", ca, "--token-file", token)
    assert without_token.returncode == without_certificate.returncode == 1
    assert "there is no token" in without_token.stderr
    assert without_certificate.stderr.count("\n") == without_token.stderr.count("\n") == 1
    assert TOKEN not in answered.stderr + without_certificate.stderr


def test_http_is_served_beside_grpc_under_the_same_certificates_and_tokens(tmp_path):
    authority = Authority(tmp_path)
    server, client = authority.sign("server"), authority.sign("client")
    callers = tmp_path / "callers.yaml"
    callers.write_text(f"callers: [{{name: me, token: {TOKEN}}}]")
    tls = ["--tls-cert", server.cert, "--tls-key", server.key, "--tls-client-ca", authority.pair.cert]
    command = [*EARWITNESS, *ECHO, "--http-port", "0", *map(str, tls), "--callers", str(callers)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())
    try:
        url = said(process, r"(https://127\.0\.0\.1:\d+/v1)$")
        mine = ssl.create_default_context(cafile=authority.pair.cert)
        mine.load_cert_chain(client.cert, client.key)
        asked = urllib.request.Request(f"{url}/models", headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(asked, context=mine) as response:
            assert json.load(response)["data"][0]["id"] == "echo"
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{url}/models", context=mine)
        with pytest.raises(OSError):
            urllib.request.urlopen(asked, context=ssl.create_default_context(cafile=authority.pair.cert))
    finally:
        process.terminate()
        assert process.wait(20) == 0


def test_a_system_of_the_catalogue_is_served_and_what_is_changed_of_it_is_said(capsys):
    assert main(["serve", "--system", "qwen3-8b", "--set", "vllm.max_num_seqs=8", "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Qwen3-8B: earwitness serve llm --set engine=vllm --set model=Qwen/Qwen3-8B --set vllm.max_num_seqs=8",
        "changed: vllm.max_num_seqs=8",
    ]
    command = [*EARWITNESS, "serve", "--system", "Qwen3-8B", "--set", "engine=echo", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())
    try:
        assert said(process, r"^changed: (.*)$") == "engine=echo instead of vllm"
        address = said(process, r"^llm serves echo on (.*)$")
        assert run("call", "generate", "Hello there", "--address", address).stdout == "Hello there\n"
    finally:
        process.terminate()
        assert process.wait(20) == 0


def test_what_a_system_is_made_of_comes_first_unless_it_is_there(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    asked = ["serve", "--system", "DeSTA2.5-Audio", "--dry-run"]
    assert main(asked) == 0
    first, then = capsys.readouterr().out.splitlines()
    assert first.startswith("first: hf download DeSTA-ntu/")
    assert then.startswith("DeSTA2.5-Audio: earwitness serve lalm --set engine=desta")
    (tmp_path / "DeSTA2.5-Audio").mkdir()
    assert main(asked) == 0
    assert capsys.readouterr().out.splitlines() == [then]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name a service, or a system"),
        (["captioner", "--system", "Qwen3-8B"], "served by the llm, not by the captioner"),
        (["--system", "Qwen-3-8B"], "did you mean Qwen3-8B"),
        (["--system", "Official-Baselines"], "not a system that starts"),
        (["--system", "DeSTA2.5-Audio"], "the system's checkpoint is not there yet"),
        (["--system", "Qwen3-8B", "--set", "modle=x"], "did you mean 'model'?"),
        (["captioner", "--http-port", "0"], "the captioner speaks gRPC alone"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(arguments, says, capsys):
    assert main(["serve", *arguments]) == 1
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--tls-cert", "none.crt", "--tls-key", "none.key"], "none.crt"),
        (["--tls-cert", "none.crt"], "give --tls-cert and --tls-key"),
        (["--tls-client-ca", "none.crt"], "give --tls-cert and --tls-key"),
        (["--callers", "none.yaml"], "there is no such callers file"),
        (["--ray", "--tls-cert", "a", "--tls-key", "b"], "put a TLS proxy before it"),
    ],
)
def test_a_server_that_cannot_be_guarded_as_it_was_told_does_not_start(arguments, says):
    refused = run(*ECHO, *arguments)
    assert refused.returncode == 1
    assert says in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_no_option_takes_a_token_itself():
    text = run("serve", "--help").stdout + run("call", "generate", "--help").stdout
    assert "--token-file" in text
    assert not re.search(r"--token\b(?!-)", text)
