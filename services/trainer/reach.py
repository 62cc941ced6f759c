"""How the backbone is reached: as a service by its address, or as a model that is loaded where it is asked."""

from dataclasses import dataclass, field

from earwitness.engines.options import VllmOptions
from earwitness.sampling import DEFAULT_TOKENS
from services.trainer.backbone import IN_FLIGHT, OneBackbone, at_service


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """A value that a worker on another machine opens as this process would."""

    address: str = ""
    """`host:port` of an LLM service."""
    model: str = ""
    """Hub id, folder or embedded name of a model to load instead."""
    options: VllmOptions = field(default_factory=VllmOptions)
    max_tokens: int = DEFAULT_TOKENS
    in_flight: int = IN_FLIGHT

    async def open(self) -> OneBackbone:
        """Connects to the service, or loads the model; raises what either raises."""
        if not self.model:
            return await at_service(self.address, max_tokens=self.max_tokens, in_flight=self.in_flight)
        from services.trainer.offline import at_hand

        return at_hand(self.model, self.options, in_flight=self.in_flight)
