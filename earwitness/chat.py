"""Chat templates: a conversation as the token ids that a model was trained to continue.

What a message says is data, never control: a special token of the model that is spelled out in a content becomes the
ids of its letters, so no text can end a turn or open one. To that end a stand-in takes its place while the template is
rendered, and the text is cut there when it is encoded.

The module imports neither torch nor, before a tokenizer is loaded, transformers.
"""

import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from earwitness.conversation import Turn
from earwitness.errors import InvalidInput

# Unicode noncharacters, reserved for use inside a program: no text has them, no template strips or escapes them.
OPEN, CLOSE = "\ufdd0", "\ufdd1"
_STAND_IN = re.compile(f"{OPEN}([0-9]+){CLOSE}")


class AddedToken(Protocol):
    """One entry of a tokenizer's `added_tokens_decoder`."""

    @property
    def content(self) -> str: ...
    @property
    def special(self) -> bool: ...


class Tokenizer(Protocol):
    """What is needed of a Hugging Face tokenizer with a chat template."""

    @property
    def eos_token_id(self) -> Any: ...
    @property
    def added_tokens_decoder(self) -> Mapping[int, AddedToken]: ...
    def encode(self, text: str, *, add_special_tokens: bool, split_special_tokens: bool) -> list[int]: ...
    def apply_chat_template(
        self, conversation: list[dict[str, str]], *, tokenize: bool, add_generation_prompt: bool, **kwargs: Any
    ) -> Any: ...


class Script:
    """A tokenizer with its chat template, through which contents pass as data. Threads may share it."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        # A fast tokenizer keeps `split_special_tokens` as state between threads.
        self._lock = threading.Lock()
        contents = (token.content for token in tokenizer.added_tokens_decoder.values() if token.special)
        self._specials = sorted(filter(None, contents), key=len, reverse=True)
        self._reserved = re.compile("|".join(map(re.escape, self._specials)) or "(?!)")

    def stand_in(self, content: str, field: str) -> str:
        """Returns the content with stand-ins for its special tokens; raises InvalidInput, with `field`, for U+FDD0."""
        if OPEN in content or CLOSE in content:
            raise InvalidInput("holds a Unicode noncharacter (U+FDD0 or U+FDD1)", field, "remove it")
        return self._reserved.sub(lambda match: f"{OPEN}{self._specials.index(match[0])}{CLOSE}", content)

    def render(self, conversation: list[dict[str, str]], **options: Any) -> str:
        """Returns the text of a conversation, up to where the answer begins; `options` are the template's variables.

        Raises InvalidInput where the template refuses the conversation, its roles or their order for instance.
        """
        from jinja2 import TemplateError

        try:
            return self._tokenizer.apply_chat_template(
                conversation, tokenize=False, add_generation_prompt=True, **options
            )
        except TemplateError as error:
            raise InvalidInput(f"the chat template refuses the conversation: {error}", "messages") from None

    def encode(self, rendered: str) -> list[int]:
        """Returns the ids of rendered text: special tokens are recognised, what stand-ins stand for is spelled."""
        ids: list[int] = []
        pieces = _STAND_IN.split(rendered)
        for text, number in zip(pieces[::2], [*pieces[1::2], None], strict=True):
            ids += self._encode(text, data=False)
            if number is not None:
                ids += self.encode_data(self._specials[int(number)])
        return ids

    def encode_data(self, text: str) -> list[int]:
        """Returns the ids of text in which special tokens are spelled."""
        return self._encode(text, data=True)

    def _encode(self, text: str, *, data: bool) -> list[int]:
        if not text:
            return []
        with self._lock:
            return self._tokenizer.encode(text, add_special_tokens=False, split_special_tokens=data)


class ChatTemplate:
    """A model's tokenizer and its template."""

    def __init__(self, folder: Path, *, trust_remote_code: bool = False) -> None:
        """Loads the tokenizer; raises InvalidInput for a model without a chat template."""
        from transformers import AutoTokenizer

        self.tokenizer = cast(Any, AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code))
        if not self.tokenizer.chat_template:
            raise InvalidInput("the model has no chat template", str(folder), "use an instruction-tuned model")
        self._script = Script(self.tokenizer)

    def encode(self, turns: Sequence[Turn], *, thinking: bool = False) -> list[int]:
        """Returns the prompt's token ids, up to where the assistant's answer begins.

        `enable_thinking` is Qwen3's name for `thinking`; templates without it ignore it. Raises InvalidInput where the
        template refuses the conversation, or a content holds U+FDD0 or U+FDD1.
        """
        conversation = [
            {"role": turn.role, "content": self._script.stand_in(turn.content, f"messages[{index}].content")}
            for index, turn in enumerate(turns)
        ]
        return self._script.encode(self._script.render(conversation, enable_thinking=thinking))

    def render(self, turns: Sequence[Turn], *, thinking: bool = False) -> str:
        """Returns the prompt as text, to be read: only `encode` knows a content from the template around it."""
        conversation = [{"role": turn.role, "content": turn.content} for turn in turns]
        return self._script.render(conversation, enable_thinking=thinking)

    def encode_answer(self, text: str) -> list[int]:
        """Returns the token ids of an assistant's answer, without an end token."""
        return self._script.encode_data(text)
