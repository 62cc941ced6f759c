"""How vLLM runs a model: values that a configuration holds, importable without vLLM."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class VllmOptions:
    """How vLLM runs a model."""

    dtype: str = "auto"
    """"auto" is float32 on a CPU, where answers then do not depend on the batch, and the model's own on a GPU."""
    max_model_len: int = 4096
    """The longest prompt plus answer, in tokens; a model with a shorter context keeps its own."""
    max_num_seqs: int = 64
    tensor_parallel_size: int = 1
    quantization: str | None = None
    gpu_memory_utilization: float = 0.9
    enforce_eager: bool | None = None
    """Whether to skip compilation. None skips it on a CPU only, where it costs 30 s at start and gains little."""
    cpu_kv_cache_gib: int = 1
    cpu_threads: int = 0
    """Threads of the model on a CPU; 0 means every core."""
