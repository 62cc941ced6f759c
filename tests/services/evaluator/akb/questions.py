"""Questions that the tests of the builder share."""

from services.evaluator.akb.question import Question


def question(number: int = 0, **fields) -> Question:
    """A sound question, unlike that of any other number."""
    things = ("kettle", "violin", "thunder", "cricket", "engine", "whisper", "trumpet", "waterfall")
    thing = things[number % len(things)] + (f" of kind {number // len(things)}" if number >= len(things) else "")
    choices = tuple(f"{word} {number}" for word in ("alpha", "gamma", "delta", "omega"))
    made = {
        "question": f"Which of the four marks has the {thing}?",
        "choices": choices,
        "answer": choices[0],
        "category": "Sound",
        "subcategory": "Onomatopoeia",
    }
    return Question(**(made | fields))
