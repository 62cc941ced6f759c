"""Verification: annotators accept, edit or reject questions, blind to each other; a third adjudicates.

Who has signed in judges under that name; elsewhere one says who one is. The time of a verdict runs from when the
question was shown to this browser first.
"""

import time
from collections.abc import Mapping
from dataclasses import replace

from earwitness.errors import InvalidInput, NotReady
from services.evaluator.akb.question import Question
from services.evaluator.akb.store import Annotation, Annotations
from services.evaluator.akb.store.entries import VERDICTS, latest
from services.evaluator.akb.store.summary import summarise
from services.evaluator.items import LETTERS
from services.evaluator.web.page import Asked, Page, Redirect, Reply

MAX_NAME = 80


def verify(asked: Asked) -> Page:
    """Returns the next question that wants this annotator's verdict."""
    store = asked.site.annotations
    if store is None:
        return _page("verify_off.html.jinja", {})
    name = _annotator(asked)
    if not name:
        return _page("verify_name.html.jinja", {})
    session = asked.session
    handed = store.next_for(name, passing=session.passed)
    counted = summarise(store).standings
    shared = {"annotator": name, "standings": counted, "left": bool(session.passed), "own": 0}
    if handed is None:
        return _page("verify_done.html.jinja", shared)
    key, question = handed
    session.shown.setdefault(key, time.monotonic())
    values = {"key": key, "question": question, "is_blind": session.is_blind, "round": "first", "said": ()}
    return _page("verify.html.jinja", shared | values)


def adjudicate(asked: Asked) -> Page:
    """Returns the next question on which others disagree, with what they said."""
    store, name = _store(asked), _annotator(asked)
    if not name:
        return _page("verify_name.html.jinja", {})
    disputes = store.disputes()
    own = [each for each in disputes if name in latest(each[2])]
    open_to = [each for each in disputes if each not in own and each[0] not in asked.session.passed]
    shared = {"annotator": name, "standings": summarise(store).standings, "left": bool(asked.session.passed)}
    if not open_to:
        return _page("verify_done.html.jinja", shared | {"own": len(own)})
    key, question, said = open_to[0]
    asked.session.shown.setdefault(key, time.monotonic())
    values = {"key": key, "question": question, "is_blind": False, "round": "adjudication", "said": said}
    return _page("verify.html.jinja", shared | values)


def status(asked: Asked) -> Page:
    """Returns standings, each person's work, and agreement."""
    return _page("verify_status.html.jinja", {"found": summarise(_store(asked)), "annotator": _annotator(asked)})


def become(asked: Asked) -> Reply:
    """Takes down who judges in this browser, and whether they see the key."""
    name = " ".join(asked.form.get("annotator", "").split())
    if not asked.site.asks_token:
        if not name or len(name) > MAX_NAME or not name.isprintable():
            raise InvalidInput(f"is no name of 1 to {MAX_NAME} characters", "annotator", "say who you are")
        asked.session.annotator = name
    asked.session.is_blind = "blind" in asked.form
    return Redirect(to="/verify")


def leave(asked: Asked) -> Reply:
    """Forgets who judges in this browser, and what was put off."""
    asked.session.annotator = ""
    asked.session.passed.clear()
    return Redirect(to="/verify")


def judge(asked: Asked) -> Reply:
    """Records a verdict, or puts the question off."""
    store, name, form = _store(asked), _annotator(asked), asked.form
    key, which = form.get("question", ""), form.get("round", "first")
    back = Redirect(to="/verify/adjudicate" if which == "adjudication" else "/verify")
    if not name or which not in ("first", "adjudication"):
        raise InvalidInput("says not who judges", "annotator", "say who you are")
    if form.get("verdict") == "pass":
        asked.session.passed.add(key)
        return back
    verdict = form.get("verdict", "")
    if verdict not in VERDICTS:
        raise InvalidInput(f"is none of {', '.join(VERDICTS)}", "verdict", "choose one")
    question = store.question(key)
    is_blind = asked.session.is_blind and which == "first"
    choice = _choice(question, form.get("choice", "")) if is_blind else ""
    if is_blind and not choice:
        raise InvalidInput("is missing", "choice", "answer the question before you judge it")
    began = asked.session.shown.get(key, time.monotonic())
    store.record(
        Annotation(
            question=key,
            annotator=name,
            verdict=verdict,
            edited=_edited(question, form) if verdict == "edit" else None,
            choice=choice,
            note=form.get("note", "").strip()[:2000],
            seconds=round(time.monotonic() - began, 1),
            round=which,
        )
    )
    asked.session.shown.pop(key, None)
    return back


def _page(template: str, values: Mapping[str, object]) -> Page:
    return Page(template=template, title="Verify", section="verify", values=values)


def _annotator(asked: Asked) -> str:
    return asked.session.name if asked.site.asks_token else asked.session.annotator


def _store(asked: Asked) -> Annotations:
    if asked.site.annotations is None:
        raise NotReady("there is no store of annotations", "verify", "start the pages with --annotations STORE")
    return asked.site.annotations


def _choice(question: Question, letter: str) -> str:
    at = LETTERS.find(letter) if letter else -1
    return question.choices[at] if 0 <= at < len(question.choices) else ""


def _edited(question: Question, fields: Mapping[str, str]) -> Question:
    """Returns the question as it should read; raises InvalidInput for a right choice that there is not."""
    choices = tuple(fields.get(f"choice{at}", choice).strip() for at, choice in enumerate(question.choices))
    at = LETTERS.find(fields.get("right", "") or "?")
    if not 0 <= at < len(choices):
        raise InvalidInput("is missing", "right", "say which choice is right")
    return replace(
        question, question=fields.get("text", question.question).strip(), choices=choices, answer=choices[at]
    )
