import sys

import pytest

from earwitness.errors import NotReady
from services.trainer.curve import Point
from services.trainer.tracking import Tracking
from tests.services.trainer.conftest import settings


@pytest.mark.parametrize(("setting", "package"), [("wandb_project", "wandb"), ("mlflow_uri", "mlflow.tracking")])
def test_a_tracker_that_is_not_installed_is_named_with_its_setting(monkeypatch, setting, package):
    monkeypatch.setitem(sys.modules, package.partition(".")[0], None)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(NotReady, match="not installed") as caught:
        Tracking(settings(**{setting: "x"}), "abc", {})
    assert caught.value.field == setting


def test_without_trackers_nobody_is_told():
    tracking = Tracking(settings(), "abc", {})
    tracking.show(Point(step=1, loss=1.0))
    tracking.close()


def test_mlflow_keeps_every_step_and_a_run_that_goes_on_under_its_name(tmp_path):
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

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
