"""The environment variables by which vLLM is told what its arguments do not say."""

import os
import sys

from earwitness.engines.options import VllmOptions


def prepare(options: VllmOptions) -> None:
    """Sets what vLLM reads from the environment at import, and leaves alone what the user has set."""
    threads = options.cpu_threads or len(os.sched_getaffinity(0))
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", str(options.cpu_kv_cache_gib))
    # By default vLLM pins its threads to the first cores and keeps one idle: two engines would share the first.
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    if sys.version_info < (3, 12):
        # In a process of Ray's, setuptools, which vLLM imports, fails to put its own distutils in place of Python's.
        os.environ.setdefault("SETUPTOOLS_USE_DISTUTILS", "stdlib")
