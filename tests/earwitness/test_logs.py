import json
import logging
import subprocess
import sys

import pytest

from earwitness import calls, logs
from earwitness.calls import Call
from earwitness.errors import InvalidInput

CALL = Call(caller="me", request_id="r1", traceparent=f"00-{'a' * 32}-{'b' * 16}-01")


def record(message="said", exc_info=None, **fields):
    made = logging.makeLogRecord({"name": "earwitness.x", "levelname": "WARNING", "msg": message, "created": 0.5})
    made.exc_info = exc_info
    if fields:
        made.__dict__[logs.FIELDS] = fields
    return made


@pytest.fixture
def in_a_call():
    before = calls.current()
    calls.begin(CALL)
    yield
    calls.begin(before)


def test_a_line_of_json_says_when_what_and_in_which_call(in_a_call):
    assert json.loads(logs.JsonFormatter().format(record(seconds=0.25))) == {
        "severity": "WARNING", "time": "1970-01-01T00:00:00.500Z", "logger": "earwitness.x", "message": "said",
        "caller": "me", "request_id": "r1", "trace_id": "a" * 32, "span_id": "b" * 16, "seconds": 0.25,
    }  # fmt: skip


def test_outside_of_a_call_there_are_no_ids():
    assert "request_id" not in json.loads(logs.JsonFormatter().format(record()))


def test_a_message_of_many_lines_stays_one_line():
    assert "\n" not in logs.JsonFormatter().format(record('a "b"\nc\0'))


def test_text_has_the_ids_in_its_first_line_and_the_traceback_after_it(in_a_call):
    try:
        raise RuntimeError("cause")
    except RuntimeError:
        text = logs.TextFormatter(logs.TEXT).format(record(exc_info=sys.exc_info()))
    first, *rest = text.splitlines()
    assert first.endswith(f"WARNING earwitness.x: said caller=me request=r1 trace={'a' * 32}")
    assert rest[-1] == "RuntimeError: cause"


def test_a_format_that_does_not_exist_is_refused(monkeypatch):
    monkeypatch.setenv(logs.FORMAT, "")
    assert logs.wanted() is None
    monkeypatch.setenv(logs.FORMAT, "xml")
    with pytest.raises(InvalidInput, match="json, text"):
        logs.wanted()


def test_a_process_that_logs_json_says_so_of_everything_on_its_standard_error():
    code = (
        "import logging, warnings; from earwitness import logs; logs.configure('json');"
        "logging.getLogger('earwitness.a').info('ours'); logging.getLogger('other').info('not wanted');"
        "logging.getLogger('other').warning('theirs')"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [json.loads(line)["message"] for line in run.stderr.splitlines()] == ["ours", "theirs"]
    assert run.stdout == ""
