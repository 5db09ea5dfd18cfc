"""Why chunks are not followed."""


class ChunkRefused(ValueError):
    """A chunk that is not followed; the message says why and what to do."""


class ChunkOutdated(ChunkRefused):
    """A chunk that is merely late: from before arming, or overtaken by a newer one. Nothing is wrong with it."""
