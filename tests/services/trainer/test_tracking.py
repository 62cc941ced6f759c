import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from earwitness.errors import NotReady
from services.trainer.curve import Point
from services.trainer.tracking import Tracking
from tests.services.trainer.conftest import settings

BLOCK = 32 * 1024


@pytest.mark.parametrize(("setting", "package"), [("wandb_project", "wandb"), ("mlflow_uri", "mlflow.tracking")])
def test_a_tracker_that_is_not_installed_is_named_with_its_setting(monkeypatch, setting, package):
    monkeypatch.setitem(sys.modules, package.partition(".")[0], None)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(NotReady, match="not installed") as caught:
        Tracking(settings(**{setting: "x"}), "abc", {})
    assert caught.value.field == setting


def test_without_trackers_nobody_is_told(monkeypatch):
    for package in ("wandb", "mlflow"):
        monkeypatch.setitem(sys.modules, package, None)  # whoever imports it fails
    tracking = Tracking(settings(), "abc", {})
    tracking.show(Point(step=1, loss=1.0))
    tracking.close()


@pytest.mark.catalogue
def test_wandb_keeps_every_step_and_what_the_run_is_made_of_without_a_network(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    for name, value in {"MODE": "offline", "DIR": str(tmp_path), "SILENT": "true"}.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    tracking = Tracking(settings(wandb_project="ears"), "abc", {"data": {"train_rows": "00"}})
    for step in (0, 1, 2):
        tracking.show(Point(step=step, loss=None if step == 0 else 3.0 / step, held_out=2.0))
    tracking.close()
    (file,) = tmp_path.glob("wandb/offline-run-*-abc/run-abc.wandb")
    kept = list(written(file))
    assert [(each["_step"], each.get("loss"), each["held_out"]) for each in kept if "_step" in each] == [
        (0, None, 2.0),
        (1, 3.0, 2.0),
        (2, 1.5, 2.0),
    ]
    assert {"data": {"train_rows": "00"}}.items() <= next(each for each in kept if "data" in each).items()


def written(file: Path) -> Iterator[dict[str, object]]:
    """Reads what W&B is told of a run and of its steps from its file.

    That is a log in LevelDB's form (github.com/google/leveldb, doc/log_format.md) after a head of seven bytes.
    """
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, whole = file.read_bytes(), 7, b""
    while at < len(data):
        if (room := BLOCK - at % BLOCK) < 7:
            at += room
            continue
        size, kind = struct.unpack_from("<HB", data, at + 4)
        whole += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind not in (1, 4):  # neither whole nor the last part
            continue
        record, whole = Record.FromString(whole), b""
        if record.HasField("history"):
            yield {item.key or item.nested_key[0]: json.loads(item.value_json) for item in record.history.item}
        if record.HasField("run"):
            yield {item.key: json.loads(item.value_json) for item in record.run.config.update}


@pytest.mark.catalogue
def test_mlflow_keeps_every_step_and_a_run_that_goes_on_under_its_name(tmp_path, monkeypatch):
    for package in ("mlflow", "sqlalchemy", "alembic"):
        pytest.importorskip(package)
    from mlflow.tracking import MlflowClient

    monkeypatch.chdir(tmp_path)  # a database keeps files beside the process

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    for steps in ((0, 1, 2), (3,)):
        tracking = Tracking(settings(mlflow_uri=uri), "abc", {"data": {"train_rows": "00"}})
        for step in steps:
            tracking.show(Point(step=step, loss=None if step == 0 else 3.0 / step, held_out=2.0))
        tracking.close()
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("earwitness")
    (run,) = client.search_runs([experiment.experiment_id])
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(each.step, each.value) for each in history] == [(1, 3.0), (2, 1.5), (3, 1.0)]
    assert run.data.tags["earwitness.run"] == "abc"
    assert [each.path for each in client.list_artifacts(run.info.run_id)] == ["lineage.json"]
