"""Renaming keeps what is seen and what is asked for consistent."""

import torch

from aloe_policy.tiny.augmentation import Renaming
from aloe_policy.tokenizer import word_ids

NAMES = ("red cube", "green cube", "yellow cube", "blue cube")


def test_a_thing_and_its_word_get_the_same_new_name() -> None:
    rename = Renaming(NAMES)
    assert rename.possible
    colours = [int(word_ids(name)[0]) for name in NAMES]
    tokens = torch.arange(4.0).expand(1, 2, 4).unsqueeze(-1)
    words = torch.from_numpy(word_ids("put the yellow cube left"))[None]
    for seed in range(20):
        torch.manual_seed(seed)
        new_tokens, new_words = rename(tokens, words)
        asked = colours.index(int(new_words[0, 2]))
        assert float(new_tokens[0, 0, asked, 0]) == 2.0, "the thing that was called yellow"
        assert sorted(new_tokens[0, 1, :, 0].tolist()) == [0.0, 1.0, 2.0, 3.0]
        assert (new_words[0, [0, 1, 3, 4]] == words[0, [0, 1, 3, 4]]).all()


def test_names_that_are_not_exchangeable_are_left_alone() -> None:
    rename = Renaming(("phone", "blue case"))
    assert not rename.possible
    tokens, words = torch.rand(2, 3, 2, 3), torch.ones(2, 5, dtype=torch.long)
    assert rename(tokens, words)[0] is tokens
