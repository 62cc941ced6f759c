from earwitness import calls, metrics
from earwitness.admission import Admission
from earwitness.batcher import Batcher
from earwitness.calls import Call
from earwitness.metrics import Metrics
from earwitness.metrics.declared import BATCH_SIZE, CALLS, ENGINE_RUNNING, ENGINE_WAITING, IN_FLIGHT, PLACES, TOKENS
from earwitness.metrics.store import MOST_CALLERS, Histogram


def test_a_value_on_a_bound_is_within_it():
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 2.5):
        histogram.add(value)
    assert (histogram.counts, histogram.total) == ([2, 2, 1], 7.5)


def test_what_is_read_and_what_is_counted_make_one_series_each():
    store = Metrics("llm")
    store.count(CALLS, 1, "Generate", "OK", "me")
    store.count(CALLS, 2, "Generate", "OK", "me")
    store.watch(PLACES, lambda: 8)
    store.watch(PLACES, lambda: 4)
    assert list(store.values(CALLS)) == [(("Generate", "OK", "me"), 3)]
    assert list(store.values(PLACES)) == [((), 12)]


def test_callers_have_series_of_their_own_as_far_as_there_are_few():
    store = Metrics("llm")
    before = calls.current()
    for number in range(MOST_CALLERS + 20):
        calls.begin(Call(caller=f"caller{number}"))
        store.generated(1, 2)
        store.generated(1, 2)
    calls.begin(before)
    counted = dict(store.values(TOKENS))
    assert len(counted) == 2 * (MOST_CALLERS + 1)
    assert counted["answer", "caller0"] == 4
    assert counted["answer", "other"] == 80


async def test_what_is_built_while_a_servicer_collects_reports_to_it_and_nothing_else_does():
    store = Metrics("llm")
    with store.collecting():
        admission = Admission(8)
        batcher = Batcher(lambda items: [None for _ in items if store_seen(store)], 4)
    Admission(16)
    with admission.slot(3):
        assert dict(store.values(IN_FLIGHT)) == {("interactive",): 3, ("sweep",): 0}
        assert dict(store.values(PLACES)) == {(): 8}
    assert dict(store.values(IN_FLIGHT))[("interactive",)] == 0
    assert metrics.current() is not store
    await batcher.submit(None)
    assert seen == [(1, 0)]
    ((labels, sizes),) = store.histograms(BATCH_SIZE)
    assert (labels, sum(sizes.counts)) == (("batcher",), 1)
    assert dict(store.values(ENGINE_RUNNING)) == {("batcher",): 0}


seen = []


def store_seen(store):
    """Notes what runs and what waits while a batch is worked on."""
    seen.append((dict(store.values(ENGINE_RUNNING))["batcher",], dict(store.values(ENGINE_WAITING))["batcher",]))
    return True
