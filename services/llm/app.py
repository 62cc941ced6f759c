"""The llm service on Ray Serve: `import_path: services.llm.app:build`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from earwitness.config import convert
from earwitness.replica import application
from services.llm.config import LlmConfig
from services.llm.servicer import LlmServicer

if TYPE_CHECKING:
    from ray.serve import Application


def build(args: Mapping[str, Any]) -> "Application":
    """Builds the application from the arguments of a Serve configuration, which are the keys of LlmConfig."""
    config = convert(LlmConfig, args)
    return application(LlmServicer, config, max_in_flight=config.max_in_flight, threads=config.vllm.cpu_threads)
