import pytest

from earwitness.errors import NotFound
from services.evaluator import published

CELLS = {
    ("AKB", "MMAU_T"): (0.94, 0.9489, 17),
    ("AKB", "MMAR_T"): (0.94, 0.9613, 17),
    ("MMAU_T", "MMAR_T"): (0.94, 0.9392, 17),
    ("AKB", "MMAU_A"): (0.75, 0.7511, 8),
    ("MMAU_T", "MMAU_A"): (0.77, 0.7708, 8),
    ("MMAR_T", "MMAU_A"): (0.82, 0.8250, 8),
    ("AKB", "MMAR_A"): (0.79, 0.7868, 8),
    ("MMAU_T", "MMAR_A"): (0.71, 0.7136, 8),
    ("MMAR_T", "MMAR_A"): (0.80, 0.7957, 8),
    ("MMAU_A", "MMAR_A"): (0.40, 0.4022, 8),
}


def test_all_ten_cells_of_the_heat_map_are_recomputed():
    found = {(cell.x, cell.y): cell for cell in published.heat_map()}
    assert list(found) == list(CELLS)
    for pair, (printed, recomputed, n) in CELLS.items():
        cell = found[pair]
        assert (cell.printed, cell.correlation.n) == (printed, n)
        assert cell.recomputed == pytest.approx(recomputed, abs=6e-5)


def test_only_the_two_cells_of_akb_and_a_cascade_do_not_reproduce():
    failing = [(cell.x, cell.y) for cell in published.heat_map() if not cell.reproduces]
    assert failing == [("AKB", "MMAU_T"), ("AKB", "MMAR_T")]


def test_eight_backbones_leave_the_correlation_of_the_audio_benchmarks_open():
    last = published.heat_map()[-1].correlation
    assert last.fisher.low < 0 < 0.85 < last.fisher.high


@pytest.mark.parametrize("name", ["AKB", "MMAU_T", "MMAR_T"])
def test_every_cell_of_a_category_is_a_share_of_its_derived_number_of_items(name):
    column = published.load().columns[name]
    for result in column.rows.values():
        for group, percent in result.groups.items():
            n = column.groups[group]
            assert round(100 * round(percent * n / 100) / n, 2) == percent


@pytest.mark.parametrize(("name", "total"), [("AKB", 2000), ("MMAU_T", 1000)])
def test_the_right_answers_of_the_categories_add_up_to_the_average(name, total):
    column = published.load().columns[name]
    assert sum(column.groups.values()) == column.n == total
    for result in column.rows.values():
        right = sum(round(percent * column.groups[group] / 100) for group, percent in result.groups.items())
        assert 100 * right / total == pytest.approx(result.accuracy)


def test_mixed_items_of_mmar_count_in_its_average_alone():
    column = published.load().columns["MMAR_T"]
    assert (column.n, sum(column.groups.values())) == (1000, 665)


def test_the_eight_backbones_with_ears_are_among_the_seventeen():
    found = published.load()
    assert len(found.families) == len(found.columns["AKB"].rows) == len(found.columns["MMAU_T"].rows) == 17
    assert list(found.columns["MMAU_A"].rows) == list(found.columns["MMAR_A"].rows)
    assert set(found.columns["MMAU_A"].rows) < set(found.families)
    assert sorted({found.families[backbone] for backbone in found.columns["MMAU_A"].rows}) == [
        "Llama",
        "OLMo",
        "Phi",
        "Qwen2.5",
        "Qwen3",
    ]


def test_the_best_captioner_s_rows_are_those_of_its_backbone_in_the_cascade():
    found = published.load()
    for column in ("MMAU_T", "MMAR_T"):
        assert found.captioners["Gemini-caption"][column] == found.columns[column].rows["Gemini-2.5-Pro"]


def test_the_published_lalms_stand_in_the_audio_columns():
    lalms = published.load().lalms
    assert [(name, *(result.accuracy for result in of.values())) for name, of in lalms.items()][:2] == [
        ("Gemini-2.5-Pro (Audio)", 71.6, 74.7),
        ("Audio Flamingo 3", 73.3, 58.6),
    ]
    assert all(list(of) == ["MMAU_A", "MMAR_A"] for of in lalms.values())


def test_what_is_derived_is_said():
    notes = published.load().notes
    assert sum(note.startswith("Derived") for note in notes) == 2
    assert "2603.19195" in published.load().source


def test_text_and_cascade_make_scatters_of_17_points_and_audio_of_8():
    assert len(published.scatter("AKB/Phonetic", "MMAU_T/Speech")) == 17
    points = published.scatter("AKB", "MMAU_A")
    assert len(points) == 8
    first = next(point for point in points if point.backbone == "Qwen2.5-7B")
    assert (first.family, first.x, first.y) == ("Qwen2.5", pytest.approx(0.807), pytest.approx(0.666))


def test_no_category_of_the_audio_side_can_be_drawn():
    assert not [name for name in published.columns() if name.startswith(("MMAU_A/", "MMAR_A/"))]
    with pytest.raises(NotFound, match="MMAU_A/Speech"):
        published.scatter("AKB", "MMAU_A/Speech")
