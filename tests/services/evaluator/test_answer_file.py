import json
import random
from dataclasses import replace

import pytest

from earwitness.errors import InvalidInput, MalformedRow, NotFound
from services.evaluator import benchmarks
from services.evaluator.answer_file import measure, read
from services.evaluator.items import LETTERS, Benchmark, Item
from services.evaluator.official import Share
from services.evaluator.scoring import Tally
from tests.services.evaluator.oracle import evaluate

OFFICIAL = {"mini-mmau": ("task", "difficulty", "sub-category"), "mini-mmar": ("modality", "category", "sub-category")}
MINI = Benchmark(
    name="mini",
    version="1",
    sha256="0" * 64,
    items=tuple(
        Item(id=str(n), question="?", choices=("Rain", "Wind", "Rain"), answer=answer, groups={"kind": kind})
        for n, answer, kind in ((1, "Rain", "easy"), (2, "Wind", "hard"), (3, None, "hard"))
    ),
    breakdowns=("kind",),
)


@pytest.fixture
def answers(tmp_path):
    """Writes rows as a list, or as lines, and reads them back as answers of `MINI`."""

    def written(*rows, name="answers.json", benchmark=MINI):
        path = tmp_path / name
        lines = map(json.dumps, rows)
        path.write_text("\n\n".join(lines) if name.endswith("l") else f" [{', '.join(lines)}]", encoding="utf-8-sig")
        return read(path, benchmark)

    return written


def rows_of(name: str) -> list[dict]:
    text = benchmarks.BENCHMARKS[name].path.read_text()
    return json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]


def said(row: dict, random_: random.Random) -> str:
    chosen, other = (random_.randrange(len(row["choices"])) for _ in range(2))
    forms = (
        "{t}",
        "{t}.",
        "({l}) {t}",
        "{l}",
        "The correct answer is: {t}",
        "{t} or {o}",
        "I hear a {t} here",
        "",
        "?",
    )
    return random_.choice(forms).format(t=row["choices"][chosen], l=LETTERS[chosen], o=row["choices"][other])


@pytest.mark.parametrize("key", ["model_output", "model_prediction", "answer_prediction"])
@pytest.mark.parametrize("name", OFFICIAL)
@pytest.mark.parametrize("bare", [False, True], ids=["whole rows", "id and prediction"])
def test_the_official_accuracy_is_that_of_the_official_scorer(answers, name, key, bare):
    benchmark, random_ = benchmarks.load(name), random.Random(key)
    rows = [row | ({key: said(row, random_)} if random_.random() < 0.8 else {}) for row in rows_of(name)]
    oracle = evaluate(rows, key, OFFICIAL[name])
    kept = [{"id": row["id"]} | ({key: row[key]} if key in row else {}) for row in rows] if bare else rows
    file = answers(*kept, name="answers.jsonl" if bare else "answers.json", benchmark=benchmark)
    measured = measure(benchmark, file.predictions[key])
    (correct, n) = oracle["total"][""]
    assert 0 < correct < n < len(rows)
    assert measured.total.official == Share(correct=correct, n=n)
    assert measured.total.ours.n == len(rows)
    for field in OFFICIAL[name]:
        groups = measured.groups[field.replace("sub-category", "subcategory")]
        found = {label: [worth.official.correct, worth.official.n] for label, worth in groups.items()}
        assert {label: counts for label, counts in found.items() if counts[1]} == oracle[field]


def test_every_prediction_key_is_read_for_itself(answers):
    file = answers(
        {"id": 1, "model_output": "A", "Model_Prediction": "Wind", "output_tokens": 3, "comment": "Rain"},
        {"id": "2", "model_output": "B", "Model_Prediction": None, "output_tokens": 4},
    )
    assert file.predictions == {"model_output": {"1": "A", "2": "B"}, "Model_Prediction": {"1": "Wind"}}
    assert (file.num_rows, file.absent) == (2, ("3",))


def test_an_item_without_a_prediction_has_failed_and_is_not_in_the_official_denominator(answers):
    file = answers({"id": "1", "a_prediction": "A"}, {"id": "2", "b_output": ""})
    (lacking, blank) = (measure(MINI, file.predictions[key]) for key in ("a_prediction", "b_output"))
    assert (lacking.total.official, lacking.total.ours.failed) == (Share(correct=0, n=1), 1)
    assert (blank.total.official, blank.total.ours.unparsed) == (Share(correct=0, n=1), 1)
    assert blank.groups["kind"]["easy"].official == Share(correct=0, n=0)
    assert lacking.total.ours.n == blank.total.ours.n == 2


def test_the_letter_of_an_option_that_repeats_the_right_one_is_right_for_us_and_wrong_for_the_official_match():
    total = measure(MINI, {"1": "C", "2": "B", "3": "A"}).total
    assert total.ours == Tally(n=2, correct=2, withheld=1)
    assert total.official == Share(correct=0, n=2)


def test_the_official_match_takes_the_prediction_as_it_stands():
    item = replace(MINI.items[0], choices=("Rain", "The wind"))
    total = measure(replace(MINI, items=(item,)), {"1": "The answer is: Rain"}).total
    assert (total.official.correct, total.ours.official, total.ours.correct) == (0, 1, 1)


def test_rows_may_write_options_and_answer_with_other_case_and_blanks(answers):
    assert answers({"id": "1", "choices": ["rain", " Wind", "Rain"], "answer": "RAIN ", "output": "A"}).num_rows == 1
    assert answers({"id": "3", "answer": "Rain", "output": "A"}).num_rows == 1


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"id": "9", "output": "A"}, "answers.json:row 1: id: '9' is no item of mini"),
        ({"id": "1", "output": "A"}, "answers.json:row 1: id: '1' was already answered at answers.json:row 0"),
        ({"output": "A"}, "answers.json:row 1: id: it is missing"),
        ({"id": "2", "choices": ["Rain", "Wind"], "output": "A"}, "answers.json:row 1: choices: they are not those"),
        ({"id": "2", "choices": ["Wind", "Rain", "Rain"]}, "answers.json:row 1: choices: they are not those"),
        ({"id": "2", "choices": 3}, "answers.json:row 1: choices: they are not those"),
        ({"id": "2", "answer": "Rain"}, "answers.json:row 1: answer: the right choice in mini is 'Wind'"),
        ({"id": "2", "output": 3}, "answers.json:row 1: output: other rows have a text here"),
        (["2", "A"], "answers.json:row 1: expected `object`"),
    ],
)
def test_a_row_that_cannot_be_scored_is_named(answers, row, error):
    with pytest.raises(MalformedRow) as caught:
        answers({"id": "1", "output": "A"}, row)
    assert str(caught.value).startswith(error)
    assert caught.value.remedy


def test_a_line_that_cannot_be_scored_is_named(answers):
    with pytest.raises(MalformedRow, match=r"^answers\.jsonl:3: id: '9' is no item"):
        answers({"id": "1", "output": "A"}, {"id": "9", "output": "A"}, name="answers.jsonl")


def test_a_file_without_predictions_says_which_fields_it_has(answers):
    with pytest.raises(
        InvalidInput, match=r"answers\.json: no field has a prediction; there are id, said, output_tokens"
    ):
        answers({"id": "1", "said": "A", "output_tokens": 3})


def test_a_file_that_is_not_there_or_no_json_is_an_error(tmp_path):
    with pytest.raises(NotFound):
        read(tmp_path / "none.json", MINI)
    (tmp_path / "broken.json").write_text("[{]")
    with pytest.raises(MalformedRow, match=r"broken\.json"):
        read(tmp_path / "broken.json", MINI)
