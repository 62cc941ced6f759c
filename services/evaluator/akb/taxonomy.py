"""The taxonomy: categories, and subcategories with a sentence on what belongs there. Ours of 48 comes along."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import msgspec
import yaml

from earwitness.errors import MalformedRow, NotFound

BUNDLED = Path(__file__).with_name("taxonomy.yaml")


@dataclass(frozen=True, kw_only=True, slots=True)
class Subcategory:
    """A named group of questions."""

    name: str
    about: str
    """What its questions ask about, as a model and an annotator are told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Category:
    """A named group of subcategories."""

    name: str
    about: str
    subcategories: tuple[Subcategory, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Taxonomy:
    """Two levels: each subcategory has one category, and a name of its own."""

    categories: tuple[Category, ...]

    @property
    def places(self) -> tuple[tuple[Category, Subcategory], ...]:
        """Every subcategory with its category, in order."""
        return tuple((category, sub) for category in self.categories for sub in category.subcategories)

    def has(self, category: str, subcategory: str) -> bool:
        """Tells whether there is such a subcategory in such a category."""
        return any((one.name, two.name) == (category, subcategory) for one, two in self.places)


def read(path: Path = BUNDLED) -> Taxonomy:
    """Returns a taxonomy; raises `NotFound` without a file, and `MalformedRow` for one that is none."""
    try:
        taxonomy = msgspec.convert(yaml.safe_load(path.read_bytes()), Taxonomy)
    except OSError:
        raise NotFound(f"there is no taxonomy {path}", "taxonomy", "check the path") from None
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise MalformedRow(" ".join(str(error).split()), path.name, "correct the file") from None
    _check(taxonomy, path.name)
    return taxonomy


def _check(taxonomy: Taxonomy, file: str) -> None:
    if not taxonomy.places:
        raise MalformedRow("there is no subcategory", file, "name at least one")
    for category in taxonomy.categories:
        if not category.subcategories:
            raise MalformedRow("it has no subcategory", f"{file}: {category.name}", "name at least one")
    for level, names in (
        ("category", [category.name for category in taxonomy.categories]),
        ("subcategory", [sub.name for _, sub in taxonomy.places]),
    ):
        name, times = Counter(names).most_common(1)[0]
        if times > 1:
            raise MalformedRow(f"the {level} {name!r} stands there {times} times", file, "give each a name of its own")
    texts = [(each.name, each.about) for place in taxonomy.places for each in place]
    for name, about in texts:
        if not name.strip() or not about.strip() or name != name.strip():
            raise MalformedRow("a name or what it is about is blank", f"{file}: {name!r}", "write one")
