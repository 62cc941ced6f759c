"""The prompt on an item's page is the one that the service got."""

from dataclasses import replace

import pytest

from services.evaluator import result as results_of
from services.evaluator.plan import Plan, Targets
from services.evaluator.session import Session
from services.evaluator.web.prompt import sent
from tests.services.evaluator.conftest import Backbone, Describer
from tests.services.evaluator.conftest import clips as clips
from tests.services.evaluator.conftest import house as house
from tests.services.evaluator.conftest import ledger as ledger


@pytest.mark.parametrize(
    ("setting", "plan"),
    [
        ("cascade", Plan()),
        ("text", Plan(control="blind")),
        ("cascade", Plan(control="shuffle", rotation=1)),
        ("cascade", Plan(prompt="desta-mmau@1")),
    ],
)
async def test_the_words_are_those_that_were_sent(house, ledger, clips, tmp_path, setting, plan):
    backbone = Backbone()
    targets = Targets(llm=await house.serve(backbone), captioner=await house.serve(Describer()))
    async with Session(ledger=ledger, folder=tmp_path / "out", targets=targets) as session:
        measured, _ = await session.run(clips, setting, replace(plan, in_flight=1))
    shown = [sent(measured, item).user for item in results_of.items(tmp_path / "out", measured)]
    assert sorted(shown) == sorted(backbone.asked)
