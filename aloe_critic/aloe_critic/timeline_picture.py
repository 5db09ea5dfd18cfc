"""The picture of a timeline: what the cameras saw, what the critics said, and who was in control."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aloe_critic.timeline import Timeline, broken
from aloe_data.bag_pictures import AUTHORITY_COLOURS
from aloe_data.codecs import Image
from aloe_data.frames import Episode
from aloe_data.vocabulary import AUTHORITY_WORDS

COLUMNS = 14  # moments that the cameras are shown at
WIDTH_IN = 14.0
LEFT_IN = 0.85
RIGHT_IN = 0.2
FALL = "tab:red"
RISE = "tab:green"


def save_picture(timeline: Timeline, episode: Episode, title: str, note: str, file: Path) -> None:
    """Draw a timeline.

    Args:
        timeline: of the episode.
        episode: with images of one size.
        title: over the picture.
        note: below the title.
        file: PNG to write.
    """
    strip = camera_strip(episode, COLUMNS)
    width = WIDTH_IN - LEFT_IN - RIGHT_IN
    heights = [width * strip.shape[0] / strip.shape[1], 3.4, 1.5, 0.22 * len(episode.rig.arms)]  # [in]
    top = 0.6
    gap = 0.12
    total = top + sum(heights) + 3 * gap + 0.3 + 0.55
    figure = Figure(figsize=(WIDTH_IN, total))
    panels = []
    edge = total - top
    for number, height in enumerate(heights):
        edge -= height + (gap if number else 0.0) + (0.3 if number == 1 else 0.0)
        panels.append(figure.add_axes((LEFT_IN / WIDTH_IN, edge / total, width / WIDTH_IN, height / total)))
    cameras, values, advantages, arms = panels
    end_s = float(episode.stamps_ns[-1] - episode.stamps_ns[0]) / 1e9
    cameras.imshow(strip, extent=(0.0, end_s, 0.0, 1.0), aspect="auto")
    cameras.set_axis_off()
    _draw_values(values, timeline)
    _draw_advantage(advantages, timeline)
    _draw_authority(arms, episode, end_s)
    for axes in (values, advantages):
        _draw_turns(axes, timeline, axes is values)
        axes.grid(alpha=0.25)
        axes.tick_params(labelbottom=False)
    for axes in (values, advantages, arms):
        axes.set_xlim(0.0, end_s)
        axes.spines[["top", "right"]].set_visible(False)
    arms.set_xlabel("time [s]")
    figure.text(LEFT_IN / WIDTH_IN, 1 - 0.1 / total, title, va="top", fontsize="large")
    figure.text(LEFT_IN / WIDTH_IN, 1 - 0.36 / total, note, va="top", fontsize="small", color="0.4")
    figure.savefig(file, dpi=110)


def camera_strip(episode: Episode, columns: int) -> Image:
    """Views side by side, a row per camera; each column stands in the middle of the time that it shows."""
    middle = ((np.arange(columns) + 0.5) / columns * len(episode)).astype(int)
    observed = np.flatnonzero(episode.observed)
    images = episode.images(observed[np.abs(observed[:, None] - middle).argmin(0)])
    tiles = np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2), (0, 0)), constant_values=255)
    return np.concatenate([np.concatenate(list(row), axis=1) for row in tiles.swapaxes(0, 1)])


def _draw_values(axes: Axes, timeline: Timeline) -> None:
    found = timeline.estimates
    for number, q in enumerate(found.q):
        label = f"each of {len(found.q)} critics" if number == 0 else None
        axes.plot(*broken(timeline, q), color="tab:blue", lw=0.7, alpha=0.45, label=label)
    axes.plot(*broken(timeline, found.value), color="black", lw=1.3, ls="--", label="V: the policy's own chunks")
    axes.plot(*broken(timeline, found.aggregated), color="tab:blue", lw=2.4, label="Q of what was executed")
    if len(timeline.proposed):
        label = "Q of what the policy proposed"
        axes.plot(*timeline.proposed.T, "o", ms=4.5, mfc="white", mec="tab:blue", mew=1.0, label=label)
    axes.set_ylabel("value")
    axes.legend(loc="lower left", bbox_to_anchor=(-0.005, 1.0), ncols=4, frameon=False, fontsize="small")


def _draw_advantage(axes: Axes, timeline: Timeline) -> None:
    time_s, advantage = broken(timeline, timeline.estimates.advantage)
    axes.fill_between(time_s, advantage, 0.0, where=advantage >= 0, interpolate=True, color=RISE, alpha=0.45, lw=0)
    axes.fill_between(time_s, advantage, 0.0, where=advantage < 0, interpolate=True, color=FALL, alpha=0.45, lw=0)
    axes.axhline(0.0, color="0.3", lw=0.8)
    axes.set_ylabel("advantage")


def _draw_turns(axes: Axes, timeline: Timeline, named: bool) -> None:
    for turn in timeline.turns:
        start_s = timeline.time_s[turn.index]
        colour = FALL if turn.change < 0 else RISE
        axes.axvspan(start_s, start_s + timeline.chunk_s, color=colour, alpha=0.13, lw=0)
        if named:
            where = (start_s + timeline.chunk_s / 2, 0.02)
            text = f"{turn.change:+.2f}"
            axes.annotate(text, where, xycoords=axes.get_xaxis_transform(), ha="center", color=colour, weight="bold")


def _draw_authority(axes: Axes, episode: Episode, end_s: float) -> None:
    extent = (0.0, end_s, len(episode.rig.arms), 0.0)
    axes.imshow(AUTHORITY_COLOURS[episode.source.T], extent=extent, aspect="auto", interpolation="nearest")
    for number in range(1, len(episode.rig.arms)):
        axes.axhline(number, color="white", lw=2.0)
    axes.set_yticks(np.arange(len(episode.rig.arms)) + 0.5, [arm.name.replace("_", " ") for arm in episode.rig.arms])
    axes.tick_params(axis="y", length=0, labelsize="small")
    for number, name in enumerate(AUTHORITY_WORDS):
        axes.text(
            1.0 - 0.05 * (len(AUTHORITY_WORDS) - 1 - number), -0.75, name, transform=axes.transAxes, ha="right",
            color=AUTHORITY_COLOURS[number] / 255, weight="bold", fontsize="small",
        )  # fmt: skip
