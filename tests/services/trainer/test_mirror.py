import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from earwitness.errors import InvalidInput, NotFound, NotReady, Unavailable
from services.trainer.evaluation import free_port
from services.trainer.loop import train
from services.trainer.mirror import LIST, Mirror
from tests.services.trainer.conftest import settings
from tests.services.trainer.test_loop import KilledError, killing_at, losses


def test_without_boto3_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(NotReady, match=r"earwitness\[s3\]"):
        Mirror.at("s3://bucket/runs")


@pytest.fixture(scope="module")
def endpoint():
    """A small S3 server of its own."""
    pytest.importorskip("boto3")
    pytest.importorskip("moto")
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/")
                break
            except urllib.error.URLError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
        server.terminate()


@pytest.fixture
def mirror(endpoint, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    opened = Mirror.at("s3://bucket/runs/", endpoint, "abc")
    opened.client.create_bucket(Bucket="bucket")
    for name in opened.names():
        opened.delete(name)
    return opened


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "step-00000004"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(bytes(range(256)) * 100)
    (folder / "state.json").write_text("{}")
    return folder


def test_a_checkpoint_comes_back_as_it_went(mirror, folder, tmp_path):
    assert mirror.names() == []
    mirror.put(folder)
    assert mirror.names() == ["step-00000004"]
    mirror.get("step-00000004", tmp_path / "other")
    back = tmp_path / "other" / "step-00000004"
    assert {path.name: path.read_bytes() for path in back.iterdir()} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }
    mirror.delete("step-00000004")
    assert mirror.names() == []


def test_a_checkpoint_without_its_list_is_not_there(mirror, folder, tmp_path):
    mirror.put(folder)
    mirror.client.delete_object(Bucket="bucket", Key=f"{mirror.prefix}step-00000004/{LIST}")
    assert mirror.names() == []
    with pytest.raises(NotFound):
        mirror.get("step-00000004", tmp_path / "other")


def test_a_file_that_is_not_the_one_that_was_copied_is_refused(mirror, folder, tmp_path):
    mirror.put(folder)
    mirror.client.put_object(Bucket="bucket", Key=f"{mirror.prefix}step-00000004/state.json", Body=b"other")
    with pytest.raises(InvalidInput, match=r"state\.json"):
        mirror.get("step-00000004", tmp_path / "other")
    assert not (tmp_path / "other" / "step-00000004").exists()


def test_a_bucket_that_is_not_there_is_said(mirror, folder):
    with pytest.raises(Unavailable, match="s3_endpoint"):
        Mirror.at("s3://nowhere/runs", mirror.client.meta.endpoint_url).put(folder)


def test_a_run_whose_folder_is_lost_goes_on_from_the_mirror(mirror, model, data, config, tmp_path):
    card, plain = {"run": "abc"}, settings()
    train(model(), data, plain, config, tmp_path / "whole", card)
    mirrored = settings(mirror="s3://bucket/runs", s3_endpoint=mirror.client.meta.endpoint_url)
    with pytest.raises(KilledError):
        train(model(), data, mirrored, config, tmp_path / "lost", card, killing_at(8))
    shutil.rmtree(tmp_path / "lost")
    told: list[int] = []
    train(model(), data, mirrored, config, tmp_path / "lost", card, lambda point: told.append(point.step))
    assert told == [7, 8, 9]
    assert losses(tmp_path / "lost") == losses(tmp_path / "whole")
    assert mirror.names() == ["step-00000006", "step-00000009"]
