"""The page of a timeline: one HTML file to move about in, with everything inside it."""

import base64
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aloe_critic.timeline import Timeline
from aloe_data.bag_pictures import AUTHORITY_COLOURS
from aloe_data.codecs import encode_jpeg
from aloe_data.frames import Episode
from aloe_data.vocabulary import AUTHORITY_WORDS

FRAMES = 120  # moments that the cameras are shown at: about 1 MB
QUALITY = 70
_TEMPLATE = Path(__file__).with_name("timeline.html")
_PLACE = "/*DATA*/null"


def save_page(timeline: Timeline, episode: Episode, title: str, note: str, file: Path) -> None:
    """Write a timeline as a page that needs no network.

    Args:
        timeline: of the episode.
        episode: with images of one size.
        title: over the page.
        note: below the title.
        file: HTML to write.
    """
    found = timeline.estimates
    end_s = float(episode.stamps_ns[-1] - episode.stamps_ns[0]) / 1e9
    height, width = episode.frames[episode.rig.cameras[0].name].shape[1:3]
    step_s = float(np.median(np.diff(timeline.time_s))) if len(timeline.ticks) > 1 else timeline.chunk_s
    data = {
        "title": title,
        "note": note,
        "end": end_s,
        "chunk": timeline.chunk_s,
        "step": step_s,
        "gap": 2 * step_s,
        "q_std": timeline.q_std,
        "t": _rounded(timeline.time_s),
        "q": [_rounded(q) for q in found.q],
        "executed": _rounded(found.aggregated),
        "value": _rounded(found.value),
        "spread": _rounded(found.spread),
        "proposed": [_rounded(row) for row in timeline.proposed],
        "turns": [
            {"i": turn.index, "change": turn.change, "who": _in_control(episode, int(timeline.ticks[turn.index]))}
            for turn in timeline.turns
        ],
        "arms": [
            {"name": arm.name.replace("_", " "), "spans": list(_spans(episode, k))}
            for k, arm in enumerate(episode.rig.arms)
        ],
        "control": AUTHORITY_WORDS,
        "colours": ["#" + bytes(colour.tolist()).hex() for colour in AUTHORITY_COLOURS],
        "cameras": len(episode.rig.cameras),
        "aspect": width / height,
        "frames": list(_frames(episode)),
    }
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")  # no prompt may end the script
    file.write_text(_TEMPLATE.read_text(encoding="utf-8").replace(_PLACE, text), encoding="utf-8")


def _rounded(values: NDArray[Any]) -> list[float]:
    return [round(float(value), 4) for value in values]


def _in_control(episode: Episode, tick: int) -> str:
    return AUTHORITY_WORDS[int(episode.source[tick].max())]


def _spans(episode: Episode, arm: int) -> Iterator[tuple[float, float, int, str]]:
    """Runs of one control over an arm: from and to [s], who, and the operator's name."""
    source = episode.source[:, arm]
    operator = episode.operator.index[:, arm]
    edges = np.flatnonzero((np.diff(source) != 0) | (np.diff(operator) != 0)) + 1
    time_s = (episode.stamps_ns - episode.stamps_ns[0]) / 1e9
    for start, stop in pairwise([0, *edges.tolist(), len(episode)]):
        end = round(float(time_s[min(stop, len(episode) - 1)]), 3)
        yield round(float(time_s[start]), 3), end, int(source[start]), episode.operator.at(start, arm)


def _frames(episode: Episode) -> Iterator[dict[str, Any]]:
    """Moments with their views side by side, as JPEG in a data URL."""
    observed = np.flatnonzero(episode.observed)
    for tick in observed[np.linspace(0, len(observed) - 1, min(FRAMES, len(observed))).astype(int)]:
        views = np.concatenate(list(episode.images([tick])[0]), axis=1)
        jpeg = base64.b64encode(encode_jpeg(views, QUALITY)).decode()
        yield {"t": round(float(episode.stamps_ns[tick] - episode.stamps_ns[0]) / 1e9, 3), "src": _url(jpeg)}


def _url(jpeg: str) -> str:
    return f"data:image/jpeg;base64,{jpeg}"
