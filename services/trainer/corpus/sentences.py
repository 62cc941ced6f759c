"""Sentences on everyday matters, from templates and word lists: tens of thousands, all of ten words or fewer.

Numbers are spelled out and names are common, so that a transcript has one way to be written.
"""

import math
import re
from collections.abc import Mapping

import numpy as np

from services.trainer.corpus.recipe import pick

TEMPLATES = (
    "{name} left the {thing} in the {room}.",
    "Could you bring the {thing} to the {room}?",
    "I think my {thing} is still at the {place}.",
    "The {vehicle} to the {place} leaves at {hour}.",
    "We missed the {vehicle} to the {place} again.",
    "Let us meet at the {place} at {hour}.",
    "The {place} closes at {hour} on {day}.",
    "{name} works at the {place} every {day}.",
    "Is the {place} open on {day}?",
    "Please call {name} before {hour}.",
    "{name} is late because of the {weather}.",
    "The {weather} lasted until {day} {daypart}.",
    "I like to walk in the {weather} in the {daypart}.",
    "They say there will be {weather} on {day}.",
    "We are having {dish} for dinner on {day}.",
    "{name} ordered {dish} and a glass of {drink}.",
    "Would you like some {drink} with your {dish}?",
    "There is no more {drink} in the {room}.",
    "My {relative} makes the best {dish} in town.",
    "My {relative} is learning to play the {instrument}.",
    "{name} plays the {instrument} after {hour}.",
    "The {animal} is sleeping in the {room}.",
    "Our {animal} ran away from the {place}.",
    "{name} saw a {animal} near the {place}.",
    "Did you feed the {animal} this {daypart}?",
    "Someone painted the {room} {colour}.",
    "{name} bought a {colour} {thing} on {day}.",
    "I lost a {colour} {thing} at the {place}.",
    "The {colour} {thing} belongs to my {relative}.",
    "We need {number} more chairs in the {room}.",
    "{name} has {number} tickets for {day}.",
    "It takes {number} minutes to reach the {place}.",
    "She paid {number} dollars for that {thing}.",
    "He found {number} coins under the {thing}.",
    "{name} put the {colour} {thing} in the {room}.",
    "{name} and my {relative} cooked {dish} on {day}.",
    "Turn left at the {place} and stop.",
    "The light in the {room} is broken again.",
    "Please close the window in the {room}.",
    "My {relative} will visit us on {day}.",
    "{name} forgot to lock the {room}.",
    "Have you seen {name} at the {place}?",
    "The {job} will be here around {hour}.",
    "Her {relative} is a {job} in the city.",
    "{name} wants to become a {job}.",
    "The {job} asked for a {colour} {thing}.",
)
"""Each names a list of words in braces, no list twice."""

WORDS: Mapping[str, list[str]] = {
    slot: words.split(", ")
    for slot, words in {
        "name": "Anna, Ben, Carol, David, Emma, Frank, Grace, Henry, Julia, Kevin, Laura, Martin, Nora, Oliver, "
        "Peter, Rachel",
        "thing": "umbrella, phone, suitcase, bicycle, camera, basket, jacket, notebook, lamp, bottle, hammer, blanket, "
        "wallet, ladder, mirror, pillow, bucket, map",
        "room": "kitchen, garage, bedroom, garden, hallway, office, bathroom, basement, classroom, living room",
        "place": "library, station, market, airport, museum, hospital, bakery, harbor, post office, park, theater, "
        "hotel, school, pharmacy, bank",
        "vehicle": "train, bus, ferry, tram, taxi, plane",
        "hour": "two, three, four, five, six, seven, eight, nine, ten, eleven, noon, midnight",
        "day": "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday",
        "daypart": "morning, afternoon, evening",
        "weather": "rain, snow, wind, fog, sunshine, frost",
        "dish": "soup, pasta, fish, rice, salad, pancakes, chicken, curry, pizza, noodles",
        "drink": "water, milk, tea, coffee, lemonade, apple juice, wine",
        "relative": "mother, brother, sister, father, uncle, aunt, cousin, neighbor, grandmother",
        "instrument": "piano, violin, guitar, trumpet, cello, flute, drums",
        "animal": "cat, dog, horse, rabbit, parrot, goat, duck, pony",
        "colour": "red, blue, green, yellow, white, black, brown, purple",
        "number": "two, three, four, five, seven, ten, twelve, fifteen, twenty, thirty",
        "job": "doctor, teacher, plumber, painter, farmer, nurse, baker, pilot, dentist, singer",
    }.items()
}

_SLOT = re.compile(r"\{(\w+)\}")


def draw(rng: np.random.Generator) -> str:
    """Returns a sentence: each template is as likely, and each of its words."""
    template = pick(rng, TEMPLATES)
    return _SLOT.sub(lambda slot: pick(rng, WORDS[slot[1]]), template)


def count() -> int:
    """Returns how many different sentences there are."""
    return sum(math.prod(len(WORDS[slot]) for slot in _SLOT.findall(template)) for template in TEMPLATES)
