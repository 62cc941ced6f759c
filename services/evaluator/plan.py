"""How a run asks: its prompt, its sampling, its control, and where the services are."""

from dataclasses import dataclass, field

from earwitness.errors import InvalidInput
from earwitness.sampling import Sampling
from services.evaluator.items import Answering, Benchmark, Control, Setting
from services.evaluator.prompts import DEFAULT, PLAIN, caption_prompt, template

ADDRESS = "127.0.0.1:9000"


@dataclass(frozen=True, kw_only=True, slots=True)
class Targets:
    """Where the services of one backbone answer: `host:port` of gRPC, or `openai:NAME` of the endpoint catalogue."""

    llm: str = ADDRESS
    captioner: str = ADDRESS
    lalm: str = ADDRESS


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How a run asks."""

    prompt: str = DEFAULT
    sampling: Sampling = field(default_factory=lambda: Sampling(max_tokens=32))
    answering: Answering = "generate"
    thinking: bool = False
    """Lets a backbone that can think before it answers do so; it needs more tokens then."""
    control: Control = "none"
    rotation: int = 1
    """By how many places the control `shuffle` moves the options on."""
    sample: int = 0
    """Which of several answers to the same question: it moves the seed on."""
    caption_prompt: str = PLAIN
    in_flight: int = 256
    """The most items at once; how many there are follows what the services bear."""

    @property
    def places(self) -> int:
        """By how many places options are moved on."""
        return self.rotation if self.control == "shuffle" else 0

    def check(self, benchmark: Benchmark, setting: Setting) -> None:
        """Raises InvalidInput, with the key at fault, or NotFound for a prompt, where a run cannot be asked so."""
        wording, _ = template(self.prompt), caption_prompt(self.caption_prompt)
        if setting != "text" and not benchmark.has_audio:
            raise InvalidInput(f"{benchmark.name} has no clips", "setting", "ask it in the text setting")
        if setting == "text" and benchmark.has_audio and self.control != "blind":
            remedy = "ask in cascade or audio, or with the control 'blind' to see what can be guessed without the clip"
            raise InvalidInput(f"{benchmark.name} asks about clips", "setting", remedy)
        if self.control == "blind" and (setting == "cascade" or not benchmark.has_audio):
            remedy = "use it in the text or audio setting, on a benchmark with clips"
            raise InvalidInput("there is no clip to leave out", "control", remedy)
        if self.answering != "generate" and setting == "audio":
            remedy = "answer by generation in the audio setting"
            raise InvalidInput("an LALM gives no log-probabilities of options", "answering", remedy)
        if self.answering == "letters" and not wording.is_lettered:
            remedy = "use a prompt with letters, such as figure-1@1, or answer by 'options'"
            raise InvalidInput(f"the prompt {self.prompt} gives the options no letters", "answering", remedy)
        if self.control == "shuffle" and self.rotation < 1:
            raise InvalidInput(f"{self.rotation} moves no option", "rotation", "give at least 1")
        if self.in_flight < 1:
            raise InvalidInput(f"{self.in_flight} items at once", "in_flight", "give at least 1")
