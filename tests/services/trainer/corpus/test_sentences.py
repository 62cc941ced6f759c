import re

import numpy as np

from services.trainer.corpus import sentences


def drawn(count):
    rng = np.random.default_rng(0)
    return [sentences.draw(rng) for _ in range(count)]


def test_there_are_tens_of_thousands():
    assert sentences.count() > 50_000
    assert len(set(drawn(5_000))) > 2_500


def test_every_sentence_is_plain_words_from_capital_to_stop():
    for sentence in drawn(2_000):
        assert re.fullmatch(r"[A-Z][A-Za-z]*( [A-Za-z]+){3,11}[.?]", sentence)


def test_no_template_fills_a_list_twice_and_no_list_repeats_a_word():
    slots = [re.findall(r"\{(\w+)\}", template) for template in sentences.TEMPLATES]
    assert all(len(set(found)) == len(found) for found in slots)
    assert {slot for found in slots for slot in found} == set(sentences.WORDS)
    assert all(len(set(words)) == len(words) for words in sentences.WORDS.values())


def test_articles_fit_every_word_that_may_follow():
    for sentence in drawn(5_000):
        assert not re.search(r"\ba [aeiou]", sentence)
