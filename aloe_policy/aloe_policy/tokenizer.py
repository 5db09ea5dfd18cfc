"""Prompts as words: a hashed vocabulary, so that any text has a representation and no task ids exist."""

import re
import zlib

import numpy as np
from numpy.typing import NDArray

NUM_BUCKETS = 1024
MAX_WORDS = 32
PADDING = 0


def word_ids(prompt: str) -> NDArray[np.int64]:
    """Bucket of each word, int64 [MAX_WORDS]; 0 is padding. Words past MAX_WORDS are an error, not cut off.

    Raises:
        ValueError: the prompt is empty or too long.
    """
    words = re.findall(r"[a-z0-9]+", prompt.lower())
    if not words:
        raise ValueError(f"the prompt '{prompt}' has no words; say what the robot should do")
    if len(words) > MAX_WORDS:
        raise ValueError(f"the prompt has {len(words)} words; this policy reads {MAX_WORDS}: shorten it")
    ids = np.full(MAX_WORDS, PADDING, dtype=np.int64)
    ids[: len(words)] = [bucket(word) for word in words]
    return ids


def bucket(word: str) -> int:
    """Where a word has its place in the vocabulary, 1 to NUM_BUCKETS - 1."""
    return 1 + zlib.crc32(word.encode()) % (NUM_BUCKETS - 1)
