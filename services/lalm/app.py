"""The lalm service on Ray Serve: `import_path: services.lalm.app:build`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from earwitness.config import convert
from earwitness.replica import application
from services.lalm.config import LalmConfig
from services.lalm.servicer import LalmServicer

if TYPE_CHECKING:
    from ray.serve import Application


def build(args: Mapping[str, Any]) -> "Application":
    """Builds the application from the arguments of a Serve configuration, which are the keys of LalmConfig."""
    config = convert(LalmConfig, args)
    return application(LalmServicer, config, max_in_flight=config.max_in_flight, threads=config.threads)
