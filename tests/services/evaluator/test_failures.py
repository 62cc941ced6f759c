from services.evaluator.failures import MAX_KIND, MAX_KINDS, OTHER, kind_of


def test_numbers_and_hashes_make_no_kind():
    assert kind_of("timed out after 31.5 s") == kind_of("timed  out after 29 s") == "timed out after N s"
    assert kind_of("request 0123abcd89ef failed") == "request N failed"
    assert len(kind_of("long " * 99)) == MAX_KIND


def test_one_kind_too_many_is_of_the_others():
    known = [f"kind{'x' * number}" for number in range(MAX_KINDS)]
    assert kind_of("another", known) == OTHER
    assert kind_of(known[0], known) == known[0]
