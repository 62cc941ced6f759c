"""Training jobs, as far as no cluster is asked."""

import shlex
import subprocess

import pytest

from earwitness.errors import InvalidInput
from services.cli import jobs
from services.cli.main import parser


def test_steps_become_one_shell_command_that_stops_at_the_first_failure():
    steps = ["corpus my/corpus --clips 24", "distil my/corpus/manifest.jsonl 'my targets' --llm {llm}"]
    shell, flag, script = shlex.split(jobs.entrypoint_of(steps, llm="llm.sound.svc:9443"))
    assert (shell, flag) == ("bash", "-c")
    assert script == (
        "cd /data && earwitness train corpus my/corpus --clips 24"
        " && earwitness train distil my/corpus/manifest.jsonl 'my targets' --llm llm.sound.svc:9443"
    )


def test_the_shells_on_the_way_change_nothing():
    """KubeRay's submitter pastes the entrypoint into a shell, and Ray quotes the words that come out for another."""
    entrypoint = jobs.entrypoint_of(["corpus 'a; b && c' --clips 2"], llm="")
    words = subprocess.run(["bash", "-c", f"printf '%s\\0' {entrypoint}"], capture_output=True, text=True, check=True)
    again = shlex.split(subprocess.list2cmdline(words.stdout.split("\0")[:-1]))
    assert again == ["bash", "-c", "cd /data && earwitness train corpus 'a; b && c' --clips 2"]


@pytest.mark.parametrize("character", sorted(jobs.UNSAFE))
def test_what_a_shell_would_change_is_refused(character: str):
    with pytest.raises(InvalidInput, match="STEP"):
        jobs.entrypoint_of([f"corpus 'a{character}b'"], llm="")


@pytest.mark.parametrize("step", ["", "submit again 'corpus x'", "status"])
def test_what_is_no_step_is_refused(step: str):
    with pytest.raises(InvalidInput, match="no step"):
        jobs.entrypoint_of([step], llm="")


def test_a_step_is_read_by_the_command_that_it_is_for(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        jobs.entrypoint_of(["corpus folder --clps 24"], llm="")
    assert "--clps" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "Upper", "a_b", "-a", "a-", "a" * 29, "ü"])
def test_a_name_that_kubernetes_would_not_take_is_refused(name: str):
    with pytest.raises(InvalidInput, match="cannot name a job"):
        jobs.object_name("earwitness", name)


def test_a_job_s_name_stays_within_kuberay_s_limit():
    assert jobs.object_name("earwitness", "a" * 28) == f"earwitness-trainer-{'a' * 28}"
    with pytest.raises(InvalidInput, match="at most 11 of"):
        jobs.object_name("a-very-long-release-name-of-a-team", "a" * 12)


def test_a_line_says_how_a_job_stands():
    labels = {jobs.JOB: "first"}
    status = {"jobDeploymentStatus": "Failed", "jobStatus": "FAILED", "failed": 2, "reason": "AppFailed"}
    line = jobs.line({"metadata": {"name": "x", "labels": labels}, "status": status})
    assert line == "first  failed  failed  2 failed tries  AppFailed"


def test_the_commands_are_there():
    options = parser().parse_args(["train", "submit", "first", "corpus corpus", "--namespace", "sound"])
    assert (options.name, options.step, options.namespace) == ("first", ["corpus corpus"], "sound")
