"""What training can be told. The defaults are the reference's recipe.

Learning rate, betas, weight decay, clipping, warm-up and seed are those of kehanlu/DeSTA2.5-Audio,
examples/train/config/desta25_llama31-8B_Qformer6L.yaml; the batch is 12 on each of 8 GPUs there.
"""

from dataclasses import dataclass
from typing import Literal

from earwitness.config import to_tree
from earwitness.desta.config import LoraConfig
from earwitness.errors import InvalidInput

LEAST = {
    "batch_size": 1,
    "micro_batch_size": 1,
    "steps": 1,
    "warmup_steps": 0,
    "seed": 0,
    "bucket_batches": 1,
    "save_every": 1,
    "held_out_every": 1,
    "keep_last": 1,
    "encoder_cache_gib": 0,
    "encoder_cache_disk_gib": 0,
    "loader_threads": 0,
    "threads": 0,
    "workers": 0,
    "max_failures": 0,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluateConfig:
    """What is asked of a checkpoint while training goes on."""

    benchmarks: tuple[str, ...] = ("mini-mmau", "mini-mmar")
    """Names that `earwitness run` knows; each is asked in the `audio` setting."""
    every: int = 1
    """Every how many saved checkpoints; the last one of the run is always asked."""
    lalm: tuple[str, ...] = ()
    """Settings of the LALM service that serves the checkpoint, such as `vllm.gpu_memory_utilization=0.3`."""
    run: tuple[str, ...] = ()
    """Further options of `earwitness run`, such as `--max-tokens=24` or `--ledger=postgresql://...`."""

    def __post_init__(self) -> None:
        """Raises InvalidInput for a benchmark too few or a count out of range."""
        if not self.benchmarks:
            raise InvalidInput("is empty", "evaluate.benchmarks", "name a benchmark, or leave `evaluate` out")
        if self.every < 1:
            raise InvalidInput(f"must be at least 1, not {self.every}", "evaluate.every")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """Settings of one training run."""

    encoder: str = "openai/whisper-large-v3"
    """A Whisper model: hub id, folder, or embedded name."""
    llm: str
    """The backbone: hub id, folder, or embedded name."""
    qformer_layers: int = 6
    num_queries: int = 64
    lora: LoraConfig | None = None
    """Adapters in the LLM, which train beside the connector; None, the reference's default, leaves it as it is."""
    dtype: Literal["float32", "bfloat16"] = "bfloat16"
    """Of the frozen parts, and what the connector computes in; its own weights are float32."""
    batch_size: int = 96
    """Examples of one optimiser step, over all workers."""
    micro_batch_size: int = 12
    """Examples of one pass; a larger batch is several passes, shared out among the workers, whose gradients add up."""
    bucket_batches: int = 50
    """Batches out of which examples of like length are put together, at most a quarter of an epoch; 1 takes them
    as they are drawn."""
    steps: int
    """Optimiser steps in all; the learning rate falls to zero along a cosine over them."""
    warmup_steps: int = 5000
    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    seed: int = 42
    on_bad_step: Literal["stop", "skip"] = "stop"
    """A step whose loss or gradient is not finite, or whose loss is a spike, ends the run, or changes no weight."""
    spike_factor: float = 0.0
    """A loss over so many times the median of the steps before is a spike; 0 takes none for one."""

    save_every: int = 500
    """Steps between checkpoints, from which a killed run goes on."""
    held_out_every: int = 500
    """Steps between losses on rows that are not trained on; the best checkpoint is told by them."""
    keep_last: int = 2
    """Checkpoints that are kept, the newest ones; the best one by the held-out loss is kept beside them."""
    mirror: str = ""
    """`s3://bucket/prefix`: checkpoints are copied there, and a run whose folder is lost goes on from it."""
    s3_endpoint: str = ""
    """The address of an S3 that is not Amazon's, such as `https://minio.example.org`."""
    evaluate: EvaluateConfig | None = None
    """Which benchmarks checkpoints are asked while training goes on; None asks none."""

    gradient_checkpointing: bool = False
    """Computes the LLM's layers anew in the backward pass, for less memory and a third more work."""
    encoder_cache_gib: float = 4.0
    """Memory of each worker for encoder outputs, which do not change between epochs; a clip of Whisper tiny takes 9 MiB
    in float32, one of large-v3 15.4 MB in bfloat16. Beyond it clips are encoded anew; 0 keeps none."""
    encoder_cache_disk_gib: float = 0.0
    """Disk below the run's folder for those that memory has no room for, shared by the workers of a machine."""
    loader_threads: int = 2
    """Threads that read and decode the clips of the next pass during this one; 0 reads them when they are needed."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = 0
    """Threads of torch on a CPU; 0 means every core."""
    workers: int = 0
    """Processes under Ray Train, each with a GPU if there are any; 0 trains in this process, without Ray."""
    max_failures: int = 0
    """Times that Ray Train starts the workers again after one died, from the last checkpoint; -1 has no limit."""

    metrics_port: int | None = None
    """Serves `/metrics` for Prometheus there, on the machine of the first worker; 0 takes a free port."""
    metrics_host: str = "127.0.0.1"
    wandb_project: str = ""
    """Tells Weights & Biases of every step; wants `pip install wandb`. `WANDB_MODE=offline` keeps it here."""
    mlflow_uri: str = ""
    """Tells an MLflow server, or a database such as `sqlite:///mlflow.db`, of each step; wants `pip install mlflow`."""

    def __post_init__(self) -> None:
        """Raises InvalidInput, with the field, for a value that is out of range or does not fit another."""
        for name, least in LEAST.items():
            if getattr(self, name) < least and not (name == "max_failures" and self.max_failures == -1):
                raise InvalidInput(f"must be at least {least}, not {getattr(self, name)}", name)
        if self.spike_factor and self.spike_factor <= 1:
            raise InvalidInput(f"must be above 1, or 0 for none, not {self.spike_factor}", "spike_factor")
        if self.mirror and not self.mirror.startswith("s3://"):
            raise InvalidInput(f"{self.mirror!r} is no s3:// address", "mirror", "write s3://bucket/prefix")
        if self.workers and self.passes % self.workers:
            remedy = "choose micro_batch_size so that each worker has as many passes as the others"
            raise InvalidInput(f"{self.passes} passes a step do not go to {self.workers} workers", "workers", remedy)

    @property
    def passes(self) -> int:
        """Passes of one optimiser step, over all workers."""
        return -(-self.batch_size // self.micro_batch_size)


OPERATION = frozenset(
    {
        "save_every", "keep_last", "mirror", "s3_endpoint", "evaluate", "gradient_checkpointing", "encoder_cache_gib",
        "encoder_cache_disk_gib", "loader_threads", "device", "threads", "workers", "max_failures", "metrics_port",
        "metrics_host",         "wandb_project", "mlflow_uri",
    }
)  # fmt: skip
"""Settings that say how a run is done, not what it computes: a run goes on after they were changed."""


def recipe(config: TrainConfig) -> dict[str, object]:
    """Returns the settings that a run's losses depend on, as JSON values."""
    return {name: value for name, value in to_tree(config).items() if name not in OPERATION}
