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
    """Texts that grow at once; further ones wait."""
    tensor_parallel_size: int = 1
    """Over how many GPUs, or processes on a CPU, each layer is spread. The tests run two processes, and no GPU."""
    quantization: str | None = None
    """A method of vLLM's, such as "fp8"; None is what the checkpoint's own configuration says. No test runs one."""
    prefix_caching: bool = True
    """Whether prompts that begin alike share their beginning. Prompts of embeddings never do."""
    priorities: bool = True
    """Whether calls of interactive callers run before those of sweeps, instead of first come, first served."""
    max_adapters: int = 4
    """Different LoRA adapters in one step, where adapters are served at all."""
    max_adapter_rank: int = 16
    """The highest rank of an adapter: 8, 16, 32, 64, 128, 256, 320 or 512."""
    gpu_memory_utilization: float = 0.9
    enforce_eager: bool | None = None
    """Whether to skip compilation. None skips it on a CPU only, where it costs 30 s at start and gains little."""
    cpu_kv_cache_gib: int = 1
    cpu_threads: int = 0
    """Threads of the model on a CPU; 0 means every core."""
