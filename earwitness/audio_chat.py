"""Chat templates of audio language models: a conversation with clips as the token ids in which vLLM puts the sounds.

Each model has a word of its own for the place of a clip. Most templates write it where a content has a part of type
`audio`; for those that take text alone, the configuration states the word. As in `earwitness.chat`, what a message says
is data: a special token spelled out in it, the word for a clip included, becomes the ids of its letters.

The module imports neither torch nor, before a tokenizer is loaded, transformers.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from earwitness.chat import Script
from earwitness.desta.splice import MARK, Message
from earwitness.errors import InvalidInput

_PROBE = "earwitness"


class AudioChat:
    """A model's tokenizer and its template. Threads may share it."""

    def __init__(self, folder: Path, *, placeholder: str = "", trust_remote_code: bool = False) -> None:
        """Loads the tokenizer.

        Args:
            folder: of the model.
            placeholder: what stands for a clip, `{n}` in it for its number from 1, such as `<|audio_{n}|>` for
                Phi-4-multimodal; "" leaves it to the template.
            trust_remote_code: whether Python code that comes with the tokenizer may run.

        Raises:
            InvalidInput: the model has no chat template, or one that takes text alone and `placeholder` is "".
        """
        from transformers import AutoTokenizer

        tokenizer = cast(Any, AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code))
        tokenizer.chat_template = tokenizer.chat_template or _template_of_processor(folder)
        if not tokenizer.chat_template:
            raise InvalidInput("the model has no chat template", str(folder), "use an instruction-tuned model")
        self._script = Script(tokenizer)
        self._placeholder = placeholder
        if not placeholder and not self._takes_parts():
            remedy = "set placeholder to what stands for a clip, such as <|audio_{n}|>"
            raise InvalidInput("the model's chat template takes text alone", str(folder), remedy)

    def encode(self, messages: Sequence[Message], *, thinking: bool = False) -> list[int]:
        """Returns the prompt's ids, up to where the answer begins, with the model's word at the place of each clip.

        Raises InvalidInput where marks and clips differ in number, or the template refuses the conversation.
        """
        conversation: list[Any] = []
        num_clips = 0
        for index, message in enumerate(messages):
            where = f"messages[{index}].content"
            texts = [self._script.stand_in(text, where) for text in message.content.split(MARK)]
            if len(texts) != len(message.audios) + 1:
                problem = f"{len(texts) - 1} {MARK} for {len(message.audios)} clips"
                raise InvalidInput(problem, where, f"write one {MARK} for each clip of the message")
            content = self._text(texts, num_clips) if self._placeholder else _parts(texts)
            conversation.append({"role": message.role, "content": content})
            num_clips += len(message.audios)
        return self._script.encode(self._script.render(conversation, enable_thinking=thinking))

    def encode_answer(self, text: str) -> list[int]:
        """Returns the ids of an assistant's answer, without an end token."""
        return self._script.encode_data(text)

    def _text(self, texts: list[str], first: int) -> str:
        clips = [self._placeholder.replace("{n}", str(first + number)) for number in range(1, len(texts))]
        return texts[0] + "".join(clip + text for clip, text in zip(clips, texts[1:], strict=True))

    def _takes_parts(self) -> bool:
        """Returns whether the template reads a content that is a list of parts, rather than printing the list."""
        try:
            rendered = self._script.render(cast(Any, [{"role": "user", "content": _parts(["", _PROBE])}]))
        except (InvalidInput, TypeError):  # a template may add a text to the list
            return False
        return _PROBE in rendered and f"'{_PROBE}'" not in rendered


def _parts(texts: list[str]) -> list[dict[str, str]]:
    """Returns the parts of a content: a clip between each text and the next, blank texts left out."""
    parts: list[dict[str, str]] = []
    for number, text in enumerate(texts):
        parts += [{"type": "audio", "audio": "clip"}] if number else []
        parts += [{"type": "text", "text": text}] if text else []
    return parts


def _template_of_processor(folder: Path) -> str | None:
    """Returns the template of `chat_template.json`, where processors once kept theirs apart from the tokenizer."""
    file = folder / "chat_template.json"
    return json.loads(file.read_text(encoding="utf-8")).get("chat_template") if file.is_file() else None
