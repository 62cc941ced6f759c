"""The captioner service on Ray Serve: `import_path: services.captioner.app:build`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from earwitness.config import convert
from earwitness.replica import application
from services.captioner.config import CaptionerConfig
from services.captioner.servicer import CaptionerServicer

if TYPE_CHECKING:
    from ray.serve import Application


def build(args: Mapping[str, Any]) -> "Application":
    """Builds the application from the arguments of a Serve configuration, which are the keys of CaptionerConfig."""
    config = convert(CaptionerConfig, args)
    return application(CaptionerServicer, config, max_in_flight=config.max_in_flight, threads=config.threads)
