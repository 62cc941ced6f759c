from services.evaluator.latency import BOUNDS_S, Latency


def test_a_duration_counts_at_every_bound_that_it_does_not_pass():
    latency = Latency()
    for seconds in (0.005, 0.006, 1000.0):
        latency.add(seconds)
    counts = dict(latency.cumulative)
    assert (counts["0.005"], counts["0.01"], counts["300.0"], counts["+Inf"]) == (1, 2, 2, 3)
    assert latency.total_s == 1000.011
    assert len(counts) == len(BOUNDS_S) + 1


def test_merging_adds():
    one, two = Latency(), Latency()
    one.add(0.25)
    two.add(0.25)
    two.add(7.0)
    one.merge(two)
    assert (dict(one.cumulative)["+Inf"], one.total_s) == (3, 7.5)
    assert dict(two.cumulative)["+Inf"] == 2
