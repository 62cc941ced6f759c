from tools.bench.served.questions import Asked, questions


def test_each_round_asks_other_questions_of_the_same_length() -> None:
    one, other = questions("mini-akb", 3, 1), questions("mini-akb", 3, 2)
    assert not {each.turns for each in one} & {each.turns for each in other}
    assert [each.choices for each in one] == [each.choices for each in other]
    assert [len(each.turns[0].content) for each in one] == [len(each.turns[0].content) for each in other]


def test_a_question_differs_from_the_next_before_anything_else_is_said() -> None:
    starts = [each.turns[0].content.split()[0] for each in questions("mini-akb", 300, 7)]
    assert len(set(starts)) == 300


def test_a_question_survives_json() -> None:
    for asked in (questions("mini-akb", 1, 0)[0], questions("mini-mmau", 1, 0)[0]):
        assert Asked.from_tree(asked.tree()) == asked
