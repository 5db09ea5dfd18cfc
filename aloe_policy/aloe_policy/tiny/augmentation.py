"""Calling things by each other's names: what holds for red and blue must hold for green and yellow.

If the keypoints "red cube" and "blue cube" change places, and so do the words "red" and "blue" in the prompt, the right
action stays the same. Training on renamed batches teaches the policy to look for what the words say.
"""

import torch
from torch import Tensor

from aloe_policy.tokenizer import NUM_BUCKETS, PADDING, word_ids


class Renaming:
    """Random permutations of keypoint names, applied to tokens and words alike.

    Args:
        names: of the K keypoints; those that share all words but one are exchangeable by that word.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        ids = [[int(i) for i in word_ids(name) if i != PADDING] for name in names]
        shared = set.intersection(*map(set, ids)) if ids else set()
        own = [[i for i in name if i not in shared] for name in ids]
        self.possible = len(names) > 1 and all(len(name) == 1 for name in own)
        self._own = torch.tensor([name[0] for name in own]) if self.possible else torch.zeros(0, dtype=torch.long)

    def __call__(self, tokens: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
        """Rename every sample of a batch in its own way.

        Args:
            tokens: [B, C, K, D].
            words: int64 [B, L].

        Returns:
            Both, with keypoint order[k] now called k.
        """
        if not self.possible:
            return tokens, words
        own = self._own.to(words.device).expand(len(words), -1)
        order = torch.rand(own.shape, device=words.device).argsort(dim=1)  # [B, K]
        table = torch.arange(NUM_BUCKETS, device=words.device).repeat(len(words), 1)
        table.scatter_(1, own.gather(1, order), own)
        return tokens.gather(2, order[:, None, :, None].expand_as(tokens)), table.gather(1, words)
