"""Turns a conversation about clips into token ids, with a slot of free positions where each clip will be heard.

    ... <start_audio> [64 positions for the connector's vectors] [transcript] <end_audio> ...

Vectors first, transcript right after, as in kehanlu/DeSTA2.5-Audio. The chat template is rendered to text once, cut
where the clips stand, and each piece goes straight to ids. Without clips they are those of `earwitness.chat`.

What a message says is data, never control. (1) Each `<|AUDIO|>` in a content stands for one clip of that message, in
order, and their numbers must agree: a stray mark in pasted text is refused, and cannot move a clip or make one. (2) A
special token of the LLM spelled out in a content, transcript or response becomes the ids of its letters
(`earwitness.chat.Script`). (3) `<start_audio>` and `<end_audio>` are plain text to the LLM; a content that spells them
has words in it, not a slot.

The module imports neither torch nor transformers, and never opens a clip.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from earwitness.chat import CLOSE, OPEN, Script, Tokenizer
from earwitness.desta.config import DestaConfig
from earwitness.errors import InvalidInput

MARK = "<|AUDIO|>"
PLACEHOLDERS = ("<|reserved_special_token_87|>", "<|video_pad|>", "<|dummy_86|>", "<|extra_id_0|>")
"""Tokens that no conversation holds, one of which fills a slot where the LLM has it: Llama 3's and Qwen's are those of
kehanlu/DeSTA2.5-Audio and its fork by voidful; Phi-4's and OLMo's are spare ones of their tokenizers. Phi-4-mini has
none, and its end of sequence, which ends no turn, stands in."""

_CLIP = re.compile(f"{OPEN}clip([0-9]+){CLOSE}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str
    """Text; each `<|AUDIO|>` in it stands for the next of `audios`."""
    audios: tuple[str, ...] = ()
    """Names of the clips, such as content hashes or paths. Only their number matters here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spliced:
    """A prompt: token ids, and where the vectors of each clip go."""

    ids: tuple[int, ...]
    """The positions of a slot hold a placeholder, which never reaches the LLM."""
    slots: tuple[int, ...]
    """The first position of each clip's slot, in the order of the clips."""


class Splicer:
    """Splices conversations for one tokenizer and one model's settings. Threads may share it."""

    def __init__(self, tokenizer: Tokenizer, config: DestaConfig) -> None:
        if tokenizer.eos_token_id is None:
            raise InvalidInput("the tokenizer has no end-of-sequence token", "llm", "use a chat model's tokenizer")
        self._script = Script(tokenizer)
        self._config = config
        self._eos = int(tokenizer.eos_token_id)
        self._placeholder = placeholder(tokenizer)
        start, end = re.escape(config.start_marker), re.escape(config.end_marker)
        self._mark = re.compile(f"(?:{start})?{re.escape(MARK)}(?:{end})?")

    def splice(self, messages: Sequence[Message], transcripts: Sequence[str]) -> Spliced:
        """Returns the prompt that asks for the next assistant turn.

        Args:
            messages: the conversation.
            transcripts: the words of each clip, in the order of the clips; a blank one counts as a single space.

        Raises:
            InvalidInput: marks and clips differ in number, clips and transcripts do, or the chat template refuses the
                conversation or does not render each clip exactly once.
        """
        num_audios = sum(len(message.audios) for message in messages)
        if len(transcripts) != num_audios:
            raise InvalidInput(f"{len(transcripts)} transcripts for {num_audios} clips", "transcripts")
        conversation: list[dict[str, str]] = []
        first_audio = 0
        for index, message in enumerate(messages):
            content = self._stand_in(message, f"messages[{index}].content", first_audio)
            conversation.append({"role": message.role, "content": content})
            first_audio += len(message.audios)
        return self._assemble(self._script.render(conversation, **self._config.template_options), transcripts)

    def target_ids(self, response: str) -> tuple[int, ...]:
        """Returns what the model learns to say after the prompt: the response's ids, then the end of sequence."""
        return (*self.answer_ids(response), self._eos)

    def answer_ids(self, response: str) -> list[int]:
        """Returns the ids of a response, without an end of sequence."""
        return self._script.encode_data(response)

    def _stand_in(self, message: Message, where: str, first_audio: int) -> str:
        """Returns the content with stand-ins for its marks, numbered from `first_audio`, and for its special tokens."""
        # Marks go first: some tokenizers, Qwen2-Audio's for one, have theirs as a special token.
        first, *texts = [self._script.stand_in(text, where) for text in self._mark.split(message.content)]
        if len(texts) != len(message.audios):
            raise InvalidInput(
                f"{len(texts)} {MARK} for {len(message.audios)} clips",
                where,
                f"write one {MARK} for each clip of the message",
            )
        start, end = self._config.start_marker, self._config.end_marker
        clips = [f"{start}{OPEN}clip{first_audio + number}{CLOSE}{end}" for number in range(len(texts))]
        return first + "".join(clip + text for clip, text in zip(clips, texts, strict=True))

    def _assemble(self, rendered: str, transcripts: Sequence[str]) -> Spliced:
        """Cuts the rendered text at its clips and encodes piece after piece."""
        ids: list[int] = []
        slots: dict[int, int] = {}
        pieces = _CLIP.split(rendered)
        for text, number in zip(pieces[::2], [*map(int, pieces[1::2]), None], strict=True):
            ids += self._script.encode(text)
            if number is not None:
                slots[number] = len(ids)
                ids += [self._placeholder] * self._config.num_queries
                ids += self._encode_transcript(transcripts[number])
        for audio in range(len(transcripts)):
            times = pieces[1::2].count(str(audio))
            if times != 1:
                raise InvalidInput(f"the chat template renders clip {audio} {times} times", "messages")
        return Spliced(ids=tuple(ids), slots=tuple(slots[audio] for audio in range(len(transcripts))))

    def _encode_transcript(self, transcript: str) -> list[int]:
        spoken = self._script.encode_data(transcript if transcript.strip() else " ")
        return spoken[: self._config.max_transcript_tokens]


def placeholder(tokenizer: Tokenizer) -> int:
    """Returns the id that fills slots: the first of `PLACEHOLDERS` that the LLM has, else its end of sequence."""
    spare = {token.content: number for number, token in tokenizer.added_tokens_decoder.items()}
    return next((spare[token] for token in PLACEHOLDERS if token in spare), int(tokenizer.eos_token_id))
