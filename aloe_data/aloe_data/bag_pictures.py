"""Pictures of a recorded episode: how punctual its streams were, and what was seen while who was in control."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from aloe_data.frames import Episode
from aloe_data.vocabulary import AUTHORITY_WORDS, NS

AUTHORITY_COLOURS = np.array([(150, 150, 150), (31, 119, 180), (255, 127, 14)], np.uint8)  # hold, policy, human
_BAR_PX = 8
_TEXT_PX = 20
_WHITE = 255


def save_timing(intervals_s: Mapping[str, NDArray[np.float64]], expected_hz: Mapping[str, float], file: Path) -> None:
    """Draw a histogram per topic of the time between its messages, with the expected period as a line.

    Args:
        intervals_s: Intervals between the stamps of each topic, by topic [s].
        expected_hz: Expected rate of each topic [Hz]; 0 where nothing is expected.
        file: PNG to write.
    """
    from matplotlib.figure import Figure  # slow to load, and needed by few

    figure = Figure(figsize=(9, 1.4 * len(intervals_s) + 0.6), layout="constrained")
    panels = figure.subplots(len(intervals_s), 1, squeeze=False)[:, 0]
    for axes, (topic, intervals) in zip(panels, intervals_s.items(), strict=True):
        milliseconds = np.clip(intervals * 1e3, 1.0, 1e4)
        axes.hist(milliseconds, bins=np.geomspace(1.0, 1e4, 121).tolist(), color="tab:blue")
        if expected_hz.get(topic):
            axes.axvline(1e3 / expected_hz[topic], color="tab:orange")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.7)
        axes.set_title(topic, fontsize="small", loc="left")
    panels[-1].set_xlabel("time between messages [ms]; orange: expected")
    figure.savefig(file, dpi=100)


def contact_sheet(episode: Episode, columns: int = 12) -> NDArray[np.uint8]:
    """Moments of an episode side by side, a row per camera, under them who commanded each arm in every tick.

    Args:
        episode: Episode with images of one size.
        columns: Number of moments, spread evenly over the observed ticks.

    Returns:
        RGB uint8 [h, w, 3]. Over each moment stands a bar per arm in the colour of who commanded it.
    """
    observed = np.flatnonzero(episode.observed)
    chosen = observed[np.linspace(0, len(observed) - 1, min(columns, len(observed))).astype(int)]
    images = episode.images(chosen)  # [n, C, h, w, 3]
    tiles = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1), (0, 0)), constant_values=_WHITE)
    grid = np.concatenate([np.concatenate(list(row), axis=1) for row in tiles.swapaxes(0, 1)], axis=0)
    over = np.repeat(AUTHORITY_COLOURS[episode.source[chosen]].swapaxes(0, 1), tiles.shape[3], axis=1)
    under = AUTHORITY_COLOURS[episode.source[np.arange(grid.shape[1]) * len(episode) // grid.shape[1]]].swapaxes(0, 1)
    facts = episode.facts
    seconds = (episode.stamps_ns[-1] - episode.stamps_ns[0]) / NS
    title = f"{facts.episode_id}: {facts.verdict}, {seconds:.1f} s, {facts.prompt}"
    arms = ", ".join(arm.name for arm in episode.rig.arms)
    parts = [_text(title, grid.shape[1]), _bars(over), grid, _bars(under), _legend(f"bars: {arms}", grid.shape[1])]
    return np.concatenate(parts)


def _bars(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A bar per arm from colours [A, w, 3]."""
    bars = np.repeat(colours, _BAR_PX, axis=0)
    bars[_BAR_PX - 1 :: _BAR_PX] = _WHITE
    return bars


def _text(text: str, width: int, start: int = 4, colour: tuple[int, ...] = (0, 0, 0)) -> NDArray[np.uint8]:
    line = np.full((_TEXT_PX, width, 3), _WHITE, np.uint8)
    cv2.putText(line, text, (start, _TEXT_PX - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
    return line


def _legend(text: str, width: int) -> NDArray[np.uint8]:
    line = _text(text, width)
    start = 8 * len(text) + 20
    for name, colour in zip(AUTHORITY_WORDS, AUTHORITY_COLOURS, strict=True):
        line = np.minimum(line, _text(name, width, start, tuple(colour.tolist())))
        start += 8 * len(name) + 20
    return line
