from contextlib import closing

from services.evaluator.akb.store import Annotation, Annotations, Standing
from services.evaluator.akb.store.summary import summarise
from tests.services.evaluator.akb.questions import question


def test_two_people_settle_questions_on_either_database(url):
    with closing(Annotations(url)) as store:
        questions = [question(number) for number in range(3)]
        assert (store.add(questions), store.add(questions)) == (3, 0)
        for annotator in ("ann", "bob"):
            while handed := store.next_for(annotator):
                store.record(Annotation(question=handed[0], annotator=annotator, verdict="accept", seconds=2.0))
        assert summarise(store).standings[Standing.ACCEPTED] == 3
    with closing(Annotations(url)) as again:
        assert list(again.questions().values()) == questions
