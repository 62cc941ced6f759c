from tools.bench import cascade
from tools.bench.cascade import Figures


def figures(**changed):
    good = {
        "cold": [290.0],
        "warm": [900.0],
        "over_floor": {("captioner", "first"): [1.1], ("captioner", "second"): [1.14]},
        "captions_per_clip": [1.0, 1.0],
    }
    return Figures(**(good | changed))


def verdicts(figures):
    (table,) = cascade.tables(figures)
    return [row[-1] for row in table.rows]


def test_what_is_as_wanted_passes():
    assert figures().met
    assert set(verdicts(figures())) == {"", "pass"}


def test_each_figure_can_fail_alone():
    for changed in (
        {"warm": [299.0]},
        {"over_floor": {("captioner", "first"): [1.16]}},
        {"captions_per_clip": [1.0, 2.0]},
        {"decoded_again": 1},
    ):
        assert not figures(**changed).met
        assert verdicts(figures(**changed)).count("FAIL") == 1


def test_everything_is_measured_on_a_few_clips(tmp_path):
    out = tmp_path / "cascade.md"
    cascade.main(["--clips", "24", "--rounds", "1", "--out", str(out)])
    page = out.read_text()
    assert "store to wire" in page and "captioner slower, second LLM" in page and "LLM slower, first LLM" in page
    assert page.count("| captions asked per clip | two LLMs | 1.00 [1.00, 1.00] | 1 | pass |") == 1
    assert "| rounds that decoded a clip again | in the store | 0 | 0 | pass |" in page
