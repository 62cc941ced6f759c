from pathlib import Path

import pytest

from earwitness.errors import NotReady
from earwitness.home import digests_folder, home, models_folder


def test_the_home_is_the_folder_that_the_environment_names(monkeypatch, tmp_path):
    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path / "kept"))
    assert home() == tmp_path / "kept"
    assert not home().exists()
    assert models_folder().is_dir()
    assert digests_folder().is_dir()


def test_the_home_is_absolute_and_knows_the_tilde(monkeypatch):
    monkeypatch.setenv("EARWITNESS_HOME", "kept")
    assert home() == Path.cwd() / "kept"
    monkeypatch.setenv("EARWITNESS_HOME", "~/kept")
    assert home() == Path.home() / "kept"


def test_without_a_choice_the_home_is_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("EARWITNESS_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert home().name == "earwitness"


def test_a_home_that_cannot_be_made_names_the_variable(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path / "file"))
    with pytest.raises(NotReady, match="EARWITNESS_HOME"):
        models_folder()
