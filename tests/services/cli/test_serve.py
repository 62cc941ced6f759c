"""`earwitness serve` and `earwitness call` as another team would use them: processes, certificates, tokens."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager

import pytest

from tests.certificates import Authority

TOKEN = "s3cret-0123456789abcdef"
EARWITNESS = [sys.executable, "-m", "services.cli"]
ECHO = ["serve", "llm", "--set", "engine=echo", "--port", "0"]


def environment():
    return {name: value for name, value in os.environ.items() if not name.startswith("EARWITNESS_TOKEN")}


@contextmanager
def serving(*arguments):
    """Runs a server; yields its address."""
    process = subprocess.Popen(
        [*EARWITNESS, *ECHO, *map(str, arguments)], stdout=subprocess.PIPE, text=True, env=environment()
    )
    try:
        said = process.stdout.readline()
        found = re.search(r"on (127\.0\.0\.1:\d+)$", said.strip())
        assert found, said
        yield found[1]
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
