"""Models behind an OpenAI-compatible HTTP API, called by the same code as our gRPC services.

`OpenAiClient` has the methods of the clients in `earwitness.clients`; `endpoint` finds a model in the catalogue.
"""

from earwitness.openai.catalogue import Endpoint, endpoint
from earwitness.openai.client import OpenAiClient

__all__ = ["Endpoint", "OpenAiClient", "endpoint"]
