"""Weights & Biases and MLflow, for those who keep their runs there. Neither is imported before it is asked for.

A run that goes on goes on there too, under its own name. The steps between its last checkpoint and the moment that it
was killed are told twice: MLflow keeps both, W&B the first.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from earwitness.errors import NotReady
from services.trainer.config import TrainConfig
from services.trainer.curve import Point

EXPERIMENT = "earwitness"
TOLD = ("loss", "held_out", "learning_rate", "gradient_norm", "tokens", "read_tokens", "audio_s", "seconds", "mfu")


class Tracker(Protocol):
    """Where a run's numbers are kept."""

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Keeps numbers of one step."""
        ...

    def close(self) -> None:
        """Ends the run there."""
        ...


class Wandb:
    """A run of Weights & Biases."""

    def __init__(self, project: str, run: str, card: Mapping[str, object]) -> None:
        try:
            import wandb  # pyright: ignore[reportMissingImports]
        except ImportError:
            raise NotReady("wandb is not installed", "wandb_project", "pip install wandb, or leave it out") from None
        api: Any = wandb
        self._run: Any = api.init(project=project, id=run, name=run, resume="allow", config=dict(card))

    def log(self, values: Mapping[str, float], step: int) -> None:
        """See Tracker."""
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        """See Tracker."""
        self._run.finish()


class Mlflow:
    """A run of MLflow, known there by the tag `earwitness.run`."""

    def __init__(self, uri: str, run: str, card: Mapping[str, object]) -> None:
        try:
            from mlflow.tracking import MlflowClient  # pyright: ignore[reportMissingImports]
        except ImportError:
            raise NotReady("mlflow is not installed", "mlflow_uri", "pip install mlflow, or leave it out") from None
        self._client: Any = MlflowClient(uri)
        known = self._client.get_experiment_by_name(EXPERIMENT)
        experiment = known.experiment_id if known else self._client.create_experiment(EXPERIMENT)
        found = self._client.search_runs([experiment], f"tags.`earwitness.run` = '{run}'", max_results=1)
        made = found[0] if found else self._client.create_run(experiment, tags={"earwitness.run": run}, run_name=run)
        self._id: str = made.info.run_id
        if not found:
            self._client.log_dict(self._id, dict(card), "lineage.json")

    def log(self, values: Mapping[str, float], step: int) -> None:
        """See Tracker."""
        for name, value in values.items():
            self._client.log_metric(self._id, name, value, step=step)

    def close(self) -> None:
        """See Tracker."""
        self._client.set_terminated(self._id)


class Tracking:
    """Every tracker that the settings ask for."""

    def __init__(self, config: TrainConfig, run: str, card: Mapping[str, object]) -> None:
        """Raises NotReady for one that is not installed."""
        self._trackers: list[Tracker] = []
        if config.wandb_project:
            self._trackers.append(Wandb(config.wandb_project, run, card))
        if config.mlflow_uri:
            self._trackers.append(Mlflow(config.mlflow_uri, run, card))

    def show(self, point: Point) -> None:
        """Tells of a step."""
        values = {name: float(value) for name in TOLD if (value := getattr(point, name)) is not None}
        for tracker in self._trackers:
            tracker.log(values | {"skipped": float(bool(point.skipped))}, point.step)

    def close(self) -> None:
        """Ends the run everywhere."""
        for tracker in self._trackers:
            tracker.close()
