import asyncio
from contextlib import aclosing

import pytest

from earwitness.clients import ChoiceScore, LetterScore, LlmClient, Score
from earwitness.conversation import Turn
from earwitness.errors import EngineFailure, InvalidInput, NotFound, Unavailable
from earwitness.fanout import Retries
from earwitness.sampling import Extras, Generation, Sampling
from services.llm.config import LlmConfig
from services.llm.engine import EchoTextEngine
from services.llm.servicer import LlmServicer
from tests.serving import FunctionServicer, said, serving

CONFIG = LlmConfig(engine="echo")


def user(content):
    return Turn(role="user", content=content)


class Words(EchoTextEngine):
    """The echo, whose streams come word by word, slower than they are coalesced, and never end after "on"."""

    def __init__(self):
        super().__init__(CONFIG)
        self.streams = 0

    async def stream(self, turns, sampling, *, thinking):
        self.streams += 1
        try:
            so_far = ""
            for word in turns[-1].content.split():
                if word == "fail":
                    raise EngineFailure("the engine is dead")
                await asyncio.sleep(60 if word == "on" else 0.06)
                so_far = f"{so_far} {word}".strip()
                piece = so_far if so_far == word else f" {word}"
                yield piece, Generation(text=so_far, finish_reason="stop", prompt_tokens=1, completion_tokens=1)
        finally:
            self.streams -= 1


async def test_one_call_gives_several_answers():
    async with serving(LlmServicer(CONFIG), LlmClient) as client:
        answers = await client.generate_n([user("one two")], 3, Sampling(max_tokens=1))
        assert [answer.text for answer in answers] == ["two"] * 3
        with pytest.raises(InvalidInput, match="n: 17 answers"):
            await client.generate_n([user("one")], 17)
        with pytest.raises(InvalidInput, match="cannot be sent"):
            await client.generate_n([user("one")], -1)


async def test_a_batch_answers_each_or_says_why_not_however_many_there_are():
    words = [user(f"one {number}") for number in range(300)]
    words[7] = Turn(role="nobody", content="")
    async with serving(LlmServicer(CONFIG), LlmClient, batch=64) as client:
        answers = await client.generate_batch([[turn] for turn in words], Sampling(max_tokens=1))
        assert await client.generate_batch([]) == []
    assert isinstance(answers.pop(7), InvalidInput)
    assert [answer.text for answer in answers] == [str(number) for number in range(300) if number != 7]


async def test_what_a_message_of_a_batch_fails_with_each_of_its_conversations_gets():
    client = LlmClient.at("127.0.0.1:1", batch=2)
    errors = await client.generate_batch([[user("a")]] * 3)
    assert [type(error) for error in errors] == [Unavailable] * 3
    await client.close()


async def test_options_are_scored_by_text_and_letter():
    question = ([user("Which?")], ["a dog", "cat"])
    dog, letter = Score(logprob=-5.0, num_tokens=2, mean_logprob=-2.5), {"logprob": -1.0, "num_tokens": 1}
    a = LetterScore(letter="A", mean_logprob=-1.0, **letter)
    async with serving(LlmServicer(CONFIG), LlmClient) as client:
        assert (await client.score_choices(*question))[0] == ChoiceScore(text=dog)
        assert (await client.score_choices(*question, by="letter"))[0] == ChoiceScore(letter=a)
        assert (await client.score_choices(*question, by="both"))[0] == ChoiceScore(text=dog, letter=a)
        both, error = await client.score_choices_batch([question, ([], ["a", "b"])], by="both")
        assert both[0] == ChoiceScore(text=dog, letter=a)
        assert error.field == "messages"
        with pytest.raises(InvalidInput, match="use one of text, letter, both"):
            await client.score_choices(*question, by="sound")


async def test_an_adapter_is_asked_for_by_name():
    extras = Extras(adapter="birds")
    async with serving(LlmServicer(CONFIG), LlmClient) as client:
        for call in (
            client.generate([user("a")], extras=extras),
            client.score_choices([user("a")], ["a", "b"], adapter="birds"),
            client.info("birds"),
        ):
            with pytest.raises(NotFound, match="birds"):
                await call
        info = await client.info()
    assert (info.identity.model, info.adapters) == ("echo", ())
    assert info.version


async def test_an_echo_of_the_prompt_is_refused_and_not_forgotten():
    client = LlmClient.at("127.0.0.1:1")
    with pytest.raises(InvalidInput, match="/v1/completions"):
        await client.generate([user("a")], extras=Extras(echo=True))
    await client.close()


async def test_a_stream_grows_and_ends_with_the_whole():
    async with serving(LlmServicer(CONFIG, Words()), LlmClient, retries=Retries()) as client:
        pieces = [piece async for piece in client.stream([user("one two three")])]
    assert len(pieces) > 2
    assert "".join(delta for delta, _ in pieces) == "one two three"
    assert [whole for _, whole in pieces[:-1]] == [None] * (len(pieces) - 1)
    assert pieces[-1][1].text == "one two three"


async def test_a_stream_that_is_closed_ends_on_the_server_too():
    engine = Words()
    async with serving(LlmServicer(CONFIG, engine), LlmClient) as client:
        async with aclosing(client.stream([user("one two on")])) as pieces:
            assert (await anext(pieces))[0] == "one"
            assert engine.streams == 1
        async with asyncio.timeout(5):
            while engine.streams:
                await asyncio.sleep(0.001)


@pytest.mark.parametrize("content", ["fail", "one two fail"])
async def test_a_stream_that_fails_raises_the_error_wherever_it_stands(content):
    async with serving(LlmServicer(CONFIG, Words()), LlmClient) as client:
        with pytest.raises(EngineFailure, match="the engine is dead"):
            [piece async for piece in client.stream([user(content)])]


async def test_a_stream_is_begun_again_where_it_may_succeed_later():
    failures = [Unavailable("starts still")] * 2

    async def answer(request):
        if failures:
            raise failures.pop()
        return said("Hello.")

    async with serving(FunctionServicer(answer), LlmClient, retries=Retries(first_wait_s=0.01)) as client:
        async with aclosing(client.stream([user("a")])) as pieces:
            assert await anext(pieces) == ("Hello.", None)
        assert failures == []
