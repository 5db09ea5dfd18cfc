from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloe_data.stream_counts import Sequences, StreamCounts

MS = 1_000_000


@given(st.sets(st.integers(0, 300), min_size=2))
def test_every_gap_in_a_sequence_counts_as_missing(arrived: set[int]) -> None:
    counter = StreamCounts()
    counter.reset(["/t"])
    for sequence in sorted(arrived):
        counter.received("/t", 0, sequence)
        counter.written("/t")
    counter.settle()
    assert counter.total_lost == max(arrived) - min(arrived) + 1 - len(arrived)
    assert counter.total_written == len(arrived)


def test_a_sequence_that_starts_again_loses_nothing() -> None:
    counter = StreamCounts()
    counter.reset(["/t"])
    for sequence in (7, 8, 1, 2):
        counter.received("/t", 0, sequence)
    assert counter.total_lost == 0


@given(
    st.lists(st.integers(0, 200), min_size=3, unique=True).map(sorted),
    st.lists(st.integers(5000, 5200), min_size=3, unique=True).map(sorted),
    st.randoms(use_true_random=False),
)
def test_two_publishers_whose_messages_mix_lose_only_what_each_has_lost(
    one: list[int], other: list[int], random: Random
) -> None:
    sequences, rest = Sequences(), [one[1:-1], other[:-1]]
    missing = sequences.take(one[0])
    while any(rest):
        missing += sequences.take(random.choice([numbers for numbers in rest if numbers]).pop(0))
    missing += sequences.take(one[-1]) + sequences.take(other[-1])  # both are there to the end
    assert missing == one[-1] - one[0] + 1 - len(one) + other[-1] - other[0] + 1 - len(other)


def test_a_bag_played_beside_the_owner_is_no_loss_from_its_second_message_on() -> None:
    sequences = Sequences()
    missing = [sequences.take(number) for number in (5, 6, 413_214, 7, 413_215, 8, 413_216, 12)]
    assert missing == [0, 0, 413_207, -413_207, 0, 0, 0, 3]


def test_what_was_received_and_not_written_is_lost_in_the_end() -> None:
    counter = StreamCounts()
    counter.reset(["/t", "/u"])
    for _ in range(5):
        counter.received("/t", 0)
    counter.written("/t")
    counter.missing("/u", 2)
    counter.settle()
    assert counter.losses() == {"/t": 4, "/u": 2}


@given(st.lists(st.integers(1, 200), min_size=1, max_size=50))
def test_rate_and_largest_gap_are_those_of_the_stamps(steps_ms: list[int]) -> None:
    counter = StreamCounts()
    counter.reset({"/t": 30.0})
    stamp_ms = 5
    counter.received("/t", stamp_ms * MS)
    for step in steps_ms:
        stamp_ms += step
        counter.received("/t", stamp_ms * MS)
    figures = counter.heard()["/t"].figures()
    assert figures["largest_gap_s"] == pytest.approx(max(steps_ms) / 1000)
    assert figures["rate_hz"] == pytest.approx(1000 * len(steps_ms) / sum(steps_ms), abs=1e-3)
    assert counter.counts["/t"].slow == (1000 * len(steps_ms) / sum(steps_ms) < 24.0)


def test_a_topic_that_should_have_spoken_is_among_the_heard_and_slow() -> None:
    counter = StreamCounts()
    counter.reset({"/camera": 30.0, "/events": 0.0})
    assert list(counter.heard()) == ["/camera"]
    assert counter.counts["/camera"].slow
    assert not counter.counts["/events"].slow
