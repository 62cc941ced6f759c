from dataclasses import replace

from services.evaluator.report.grid import grid
from services.evaluator.report.tables import ENOUGH, HARDEST, by_run, hardest, lead, overview, rest
from services.evaluator.scoring import Tally


def test_the_overview_ranks_backbones_within_their_column(six):
    rows = dict(overview(grid(six)))
    first = [cells[0] for cells in rows.values()]
    best = max(first, key=lambda cell: cell.tally.accuracy)
    assert best.rank.place == 1
    assert best.shade == "1.00"


def test_one_backbone_is_shaded_by_how_far_it_came_from_chance_to_perfect(one):
    ((_, cells),) = overview(grid(one))
    for cell in cells:
        expected = max(0.0, (cell.tally.accuracy - cell.chance) / (1 - cell.chance))
        assert cell.shade == f"{expected:.2f}"


def test_runs_are_ranked_among_those_asked_alike_with_controls_last(controlled):
    text = next(section for section in grid(controlled).sections if section.benchmark == "mini-akb")
    found = by_run(text)
    assert [column.is_side for column, _ in found] == [False, True, True, True]
    for _, rows in found:
        assert {row.total.rank.of for row in rows} == {2}


def test_a_breakdown_of_many_groups_has_a_table_of_its_own(two):
    text = grid(two).sections[0]
    key, groups = lead(text)
    assert (key, len(groups)) == ("category", 6)
    assert list(rest(text)) == ["subcategory"]


def test_the_hardest_groups_are_the_lowest_with_enough_items(six):
    sections = {section.benchmark: section for section in grid(six).sections}
    (hard,) = hardest(sections["mini-akb"])
    assert len(hard.rows) == HARDEST
    assert [row.mean for row in hard.rows] == sorted(row.mean for row in hard.rows)
    for row in hard.rows:
        assert row.n >= ENOUGH
        assert row.interval.low < row.mean < row.interval.high
        assert row.best_tally.accuracy >= row.mean
    lowest = min(
        sum(run.result.breakdowns["subcategory"][label].accuracy for run in sections["mini-akb"].main) / 6
        for label in sections["mini-akb"].first.breakdowns["subcategory"]
    )
    assert hard.rows[0].mean == lowest


def test_groups_with_few_items_are_not_called_hard(one):
    first = one.results[0]
    groups = {f"many {n}": Tally(n=ENOUGH, correct=n, wrong=ENOUGH - n) for n in range(1, HARDEST + 2)}
    few = {"few": Tally(n=ENOUGH - 1, wrong=ENOUGH - 1)}
    (section,) = grid(replace(one, results=(replace(first, breakdowns={"topic": groups | few}),))).sections
    (hard,) = hardest(section)
    assert [row.label for row in hard.rows] == [f"many {n}" for n in range(1, HARDEST + 1)]
    assert (hard.num_groups, hard.num_small) == (HARDEST + 1, 1)


def test_where_hardly_any_group_has_enough_items_none_is_called_hard(six):
    sections = {section.benchmark: section for section in grid(six).sections}
    assert hardest(sections["mini-mmar"]) == []
