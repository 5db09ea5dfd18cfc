"""Prompts are words: order and content count, ids do not exist."""

import pytest

from aloe_policy.advantage_condition import BAD, GOOD
from aloe_policy.tokenizer import MAX_WORDS, PADDING, bucket, word_ids


def test_same_words_same_ids_whatever_the_case_and_punctuation() -> None:
    assert (word_ids("Put the RED cube, left!") == word_ids("put the red cube left")).all()


def test_order_counts() -> None:
    assert (word_ids("red left blue right") != word_ids("blue left red right")).any()


def test_colours_and_sides_of_sorting_do_not_collide() -> None:
    words = ["put", "place", "sort", "the", "red", "green", "yellow", "blue", "cube"]
    words += ["in", "into", "to", "left", "right", "bin", "and", "then"]
    assert len({*(int(word_ids(word)[0]) for word in words), bucket(GOOD), bucket(BAD)}) == len(words) + 2


def test_padding_fills_the_rest() -> None:
    ids = word_ids("two words")
    assert len(ids) == MAX_WORDS
    assert (ids[2:] == PADDING).all() and (ids[:2] != PADDING).all()


@pytest.mark.parametrize(("prompt", "message"), [("", "no words"), ("...", "no words"), ("a " * 40, "shorten")])
def test_impossible_prompts_are_refused(prompt: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        word_ids(prompt)
