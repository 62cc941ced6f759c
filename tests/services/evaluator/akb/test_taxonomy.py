import pytest

from earwitness.errors import MalformedRow, NotFound
from services.evaluator.akb import taxonomy

LEAST = "categories:\n  - name: A\n    about: first\n    subcategories:\n      - {name: a, about: one}\n"


def test_ours_has_six_categories_of_eight_subcategories():
    ours = taxonomy.read()
    assert [len(category.subcategories) for category in ours.categories] == [8] * 6
    assert ours.has("Phonetic", "Rhyme") and not ours.has("Music", "Rhyme")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("{name: a, about: one}", "{name: a, about: one}\n      - {name: a, about: two}", "'a' stands there 2 times"),
        ("about: one", "about: ' '", "is blank"),
        ("about: one", "tells: one", "about"),
        ("      - {name: a, about: one}", "      []", "no subcategory"),
        ("categories:", "categories: [", "expected"),
    ],
)
def test_what_is_none_is_refused(tmp_path, old, new, reason):
    path = tmp_path / "own.yaml"
    path.write_text(LEAST)
    assert len(taxonomy.read(path).places) == 1
    path.write_text(LEAST.replace(old, new))
    with pytest.raises(MalformedRow, match=reason):
        taxonomy.read(path)


def test_a_taxonomy_that_does_not_exist_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        taxonomy.read(tmp_path / "nowhere.yaml")
