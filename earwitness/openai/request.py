"""What is asked for: turns, clips and sampling as the JSON body of a chat completion.

Source: OpenAI, "API reference: Chat completions" (https://platform.openai.com/docs/api-reference/chat/create). What an
API lacks of it, its entry in the catalogue says.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from earwitness.clients import Sound, SpokenTurn
from earwitness.conversation import Turn
from earwitness.desta.splice import MARK
from earwitness.errors import InvalidInput
from earwitness.openai.catalogue import Endpoint
from earwitness.sampling import PLAIN, Extras, Sampling

CAPTION = Sampling(max_tokens=1024)
"""A caption is greedy, and may be a page long."""
SCORED = Sampling(max_tokens=4)
"""Room for what may stand before a letter, such as `(` or `**`."""

QUICK_BYTES = 1 << 20
"""Of clips: half a minute of 16 kHz mono, which base64 makes text of in a tenth of a millisecond."""

ANY_OBJECT = {"type": "object"}
"""The schema of any JSON object, for which the APIs have a format of its own, and which OpenAI takes for too loose."""

_LETTER = re.compile(r"[\W_]*([A-Za-z0-9])[\W_]*")
_encode = msgspec.json.Encoder().encode


def chat(
    endpoint: Endpoint, turns: Sequence[Turn], sampling: Sampling, *, thinking: bool = False, extras: Extras = PLAIN
) -> bytes:
    """Returns the body that asks for the next turn of a conversation.

    Raises InvalidInput where the endpoint cannot do what the sampling, `thinking` or the extras want of it.
    """
    wanted = _wanted(endpoint, extras)
    return _encode(_body(endpoint, [_message(turn) for turn in turns], sampling, thinking=thinking) | wanted)


def scoring(endpoint: Endpoint, turns: Sequence[Turn]) -> bytes:
    """Returns the body that asks for the likeliest first tokens; raises InvalidInput where the API reports none."""
    if not endpoint.top_logprobs:
        raise InvalidInput(
            f"{endpoint.model} reports no log-probabilities",
            f"openai:{endpoint.name}",
            "let it generate its answers instead, or set top_logprobs in the catalogue if it does report them",
        )
    body = _body(endpoint, [_message(turn) for turn in turns], SCORED, thinking=False)
    return _encode(body | {"logprobs": True, "top_logprobs": endpoint.top_logprobs})


def listening(endpoint: Endpoint, turns: Sequence[SpokenTurn], sampling: Sampling, *, thinking: bool = False) -> bytes:
    """Returns the body of a conversation with clips, decoding them: a matter of milliseconds, not for an event loop.

    Raises:
        InvalidInput: marks and clips differ in number, the endpoint has no ears, or as `chat`.
        UnreadableAudio: a clip is no audio.
    """
    if any(spoken.clips for spoken in turns):
        _check_ears(endpoint)
    messages = [_spoken(spoken, f"messages[{index}]") for index, spoken in enumerate(turns)]
    return _encode(_body(endpoint, messages, sampling, thinking=thinking))


def is_quick(turns: Sequence[SpokenTurn]) -> bool:
    """Returns whether `listening` is a fraction of a millisecond: few bytes of clips, and none to be decoded."""
    from earwitness import wav

    clips = [clip for spoken in turns for clip in spoken.clips if not isinstance(clip, str)]
    return sum(map(len, clips)) <= QUICK_BYTES and all(map(wav.is_plain, clips))


def captioning(endpoint: Endpoint, clip: bytes, prompt: str) -> tuple[bytes, str, float]:
    """Returns the body that asks for a clip in words, the clip's hash and its seconds; raises as `listening` does."""
    from earwitness import audio, wav

    _check_ears(endpoint)
    heard = audio.decode(clip)
    parts = [_audio(clip if wav.is_plain(clip) else wav.encode(heard)), *_text(prompt)]
    body = _body(endpoint, [{"role": "user", "content": parts}], CAPTION, thinking=False)
    return _encode(body), heard.sha256, heard.seconds


def letters(choices: Sequence[str]) -> list[str]:
    """Returns the letters that options such as `A`, ` B` or `(C)` are; raises InvalidInput for any other text."""
    found: list[str] = []
    for index, choice in enumerate(choices):
        match = _LETTER.fullmatch(choice)
        if not match or match[1] in found:
            remedy = "score the options' letters, or let the model generate its answers"
            raise InvalidInput("is not a letter of its own; only letters are scored here", f"choices[{index}]", remedy)
        found.append(match[1])
    return found


def letter_of(token: str) -> str:
    """Returns the letter that a token is, whatever stands around it; nothing for a longer word, or none."""
    match = _LETTER.fullmatch(token)
    return match[1] if match else ""


def _body(endpoint: Endpoint, messages: list[dict[str, Any]], sampling: Sampling, *, thinking: bool) -> dict[str, Any]:
    mode = endpoint.thinking if thinking else endpoint
    if mode is None:
        remedy = "ask without thinking, or state `thinking` in the catalogue"
        raise InvalidInput(f"{endpoint.model} cannot be asked to think", "thinking", remedy)
    body: dict[str, Any] = {"model": endpoint.model, "messages": messages}
    body[endpoint.max_tokens_field] = sampling.max_tokens + mode.reasoning_tokens
    if mode.temperature:
        body["temperature"] = sampling.temperature
        if sampling.temperature and sampling.top_p != 1.0:  # a greedy answer knows no top_p
            body["top_p"] = sampling.top_p
    elif sampling.temperature not in (0.0, 1.0) or sampling.top_p != 1.0:
        # A greedy answer is what every model is asked for: those that cannot be greedy answer as they do.
        remedy = "leave temperature at 0 and top_p at 1"
        raise InvalidInput(f"{endpoint.model} takes no temperature and no top_p", "sampling", remedy)
    if endpoint.seed:
        body["seed"] = sampling.seed
    if endpoint.stop and sampling.stop:
        body["stop"] = list(sampling.stop)
    return body | mode.body


def _wanted(endpoint: Endpoint, extras: Extras) -> dict[str, Any]:
    """Returns the fields that ask for log-probabilities and for JSON."""
    wanted: dict[str, Any] = {}
    if extras.adapter or extras.echo:
        raise InvalidInput("an API has no such thing", "adapter" if extras.adapter else "echo", "leave it out")
    if extras.top_logprobs is not None:
        if not endpoint.top_logprobs or extras.top_logprobs > endpoint.top_logprobs:
            problem = f"{endpoint.model} reports {endpoint.top_logprobs or 'no log-probabilities'}"
            remedy = "ask for no more, or set top_logprobs in the catalogue if it does report them"
            raise InvalidInput(problem, "top_logprobs", remedy)
        wanted |= {"logprobs": True, "top_logprobs": extras.top_logprobs}
    if extras.json_schema:
        if not endpoint.json_schema:
            remedy = "leave it out, or set json_schema in the catalogue if it does take one"
            raise InvalidInput(f"{endpoint.model} takes no schema", "json_schema", remedy)
        schema = json.loads(extras.json_schema)
        named = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
        wanted["response_format"] = {"type": "json_object"} if schema == ANY_OBJECT else named
    return wanted


def _message(turn: Turn) -> dict[str, Any]:
    return {"role": turn.role, "content": turn.content}


def _spoken(spoken: SpokenTurn, where: str) -> dict[str, Any]:
    """Returns a message whose content has a part for each clip, where its mark stood, and one for each text between."""
    first, *rest = spoken.turn.content.split(MARK)
    if len(rest) != len(spoken.clips):
        remedy = f"write one {MARK} for each clip of the message"
        raise InvalidInput(f"{len(rest)} {MARK} for {len(spoken.clips)} clips", f"{where}.content", remedy)
    if not spoken.clips:
        return _message(spoken.turn)
    parts = _text(first)
    for number, (clip, text) in enumerate(zip(spoken.clips, rest, strict=True)):
        parts += [_audio(_plain(clip, f"{where}.clips[{number}]")), *_text(text)]
    return {"role": spoken.turn.role, "content": parts}


def _text(text: str) -> list[dict[str, Any]]:
    """Returns one part, or none for a blank: Anthropic and OpenAI refuse a part without text."""
    return [{"type": "text", "text": text}] if text.strip() else []


def _plain(data: Sound, field: str) -> bytes:
    """Returns a clip as 16-bit WAV at 16 kHz: OpenAI takes no FLAC, and every service hears the same samples."""
    from earwitness import audio, wav

    if isinstance(data, str):
        raise InvalidInput("is a URI, and an API is sent the sound itself", field, "give the file's bytes")
    return data if wav.is_plain(data) else wav.encode(audio.decode(data, field=field))


def _audio(plain: bytes) -> dict[str, Any]:
    """Returns a part. Its base64 is made by pybase64: Python's own takes as long as all else that a clip costs."""
    import pybase64

    encoded = msgspec.Raw(b'"%s"' % pybase64.b64encode(plain))
    return {"type": "input_audio", "input_audio": {"data": encoded, "format": "wav"}}


def _check_ears(endpoint: Endpoint) -> None:
    if not endpoint.audio:
        remedy = "choose a model that hears, or set audio in the catalogue if it does"
        raise InvalidInput(f"{endpoint.model} takes no audio", f"openai:{endpoint.name}", remedy)
