"""What is in a bag: `ros2 run aloe_data inspect BAG`.

Prints the episode's facts, who was in control, and every topic's rate, gaps and losses; draws the time between messages
and a contact sheet of the cameras, coloured by who commanded the arms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from aloe_data.bag_pictures import contact_sheet, save_timing
from aloe_data.bag_state import BagState
from aloe_data.command import run_command
from aloe_data.config import parameter
from aloe_data.frames import Episode, EpisodeError
from aloe_data.recording import EpisodeRecord, RecordingError
from aloe_data.rig import RigError
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_frames import read_episode
from aloe_data.ros.bag_opening import readable_bag
from aloe_data.ros.bag_reader import read_record
from aloe_data.ros.bag_survey import Survey, rig_of, survey
from aloe_data.segments import episode_segments
from aloe_data.verdicts import verdict_of
from aloe_data.vocabulary import NS

_THUMBNAIL = (96, 128)  # height, width [px]


@dataclass(frozen=True)
class InspectConfig:
    """What to draw, and where."""

    bag: Path = parameter(positional=True, doc="folder of the bag")
    rig: Path | None = parameter(None, doc="rig file to read the bag with; default: the one inside the bag")
    pictures: bool = parameter(True, doc="draw BAG_timing.png and BAG_frames.png")
    out: Path = parameter(Path("."), doc="folder for the pictures")
    columns: int = parameter(12, low=1, high=60, doc="moments on the contact sheet")


def inspect(config: InspectConfig) -> None:
    """Print and draw what is in a bag.

    Raises:
        RecordingError: no bag, or a damaged one; say `repair`.
        RigError: no such rig file.
    """
    config.out.mkdir(parents=True, exist_ok=True)
    bag = config.bag.expanduser().resolve()
    state = readable_bag(bag)
    record = read_record(bag, state)
    rig = load_rig(config.rig) if config.rig else rig_of(record)
    found = survey(state, rig)
    print("\n".join([*_facts(state, record), "", *_table(found, record)]), flush=True)
    if config.pictures and found.intervals_s():
        file = config.out / f"{bag.name}_timing.png"
        rates = {topic: count.expected_hz for topic, count in found.counts.counts.items()}
        save_timing(found.intervals_s(), rates, file)
        print(f"\ntime between messages: {file}")
    try:
        episode = read_episode(bag, rig, _THUMBNAIL)
    except EpisodeError as error:
        print(f"\nno episode can be read from it: {error}")
        return
    print("\n" + "\n".join(_control(episode)))
    if config.pictures:
        file = config.out / f"{bag.name}_frames.png"
        cv2.imwrite(str(file), cv2.cvtColor(contact_sheet(episode, config.columns), cv2.COLOR_RGB2BGR))
        print(f"contact sheet: {file}")


def _facts(state: BagState, record: EpisodeRecord) -> list[str]:
    given = verdict_of(state.bag)
    changed = f" (changed by {given.source})" if given else ""
    faults = "; ".join(state.faults)
    whole = f"not closed in order: {faults}: ros2 run aloe_data repair" if faults else "closed in order"
    rows = {
        "episode": f"{record.episode_id}, seed {record.seed}, {record.prompt}",
        "verdict": f"{record.verdict.lower()}{changed}, {record.reason}".rstrip(", "),
        "bag": f"{state.bag}, {state.size_bytes / 2**20:.1f} MiB, {whole}",
        "versions": ", ".join(f"{name} {version}" for name, version in record.versions.items()),
    }
    return [f"{name:9}{text}" for name, text in rows.items()]


def _table(found: Survey, record: EpisodeRecord) -> list[str]:
    """A line per topic that has messages or should have; losses as the recorder counted them."""
    lines = [f"{'topic':44}{'messages':>9}{'lost':>6}{'Hz':>8}{'of':>6}{'late':>6}{'largest gap':>20}"]
    starts = [stamps[0] for stamps in found.stamps_ns.values()]
    for topic, count in sorted(found.counts.heard().items()):
        gap = f"{count.largest_gap_ns / NS:.3f} s at {(count.gap_start_ns - min(starts)) / NS:6.2f} s"
        of = f"{count.expected_hz:g}" if count.expected_hz else ""
        lost = max(record.lost.get(topic, 0), count.lost)
        notes = []
        if count.slow:
            notes.append("slow")
        if count.backwards:
            notes.append(f"{count.backwards} stamps not in order")
        line = f"{topic:44}{count.received:9}{lost:6}{count.rate_hz:8.1f}{of:>6}{count.late if of else '':>6}"
        lines.append(f"{line}{gap if count.received > 1 else '':>20}  {', '.join(notes)}".rstrip())
    return lines


def _control(episode: Episode) -> list[str]:
    """Ticks, who commanded which arm for how long, and the segments."""
    clipped = np.mean([[episode.clip.vocabulary[i] != "" for i in row] for row in episode.clip.index])
    versions = ", ".join(sorted({version[:12] for version in episode.policy_version if version})) or "none"
    lines = [
        f"control  {len(episode)} ticks, {episode.lost_ticks} lost, {100 * clipped:.0f} % limited,"
        f" {100 * episode.observed.mean():.0f} % observed, policy {versions}"
    ]
    lines += episode.left_out
    for number, arm in enumerate(episode.rig.arms):
        shares = np.bincount(episode.source[:, number], minlength=3) / len(episode)
        lines.append(f"{arm.name:13}" + ", ".join(_shares(shares, sorted(set(_operators(episode, number))))))
    lines += _segment_lines(episode)
    return lines


def _shares(shares: Sequence[float], operators: list[str]) -> list[str]:
    names = ("hold", "policy", f"human ({', '.join(operators)})" if operators else "human")
    return [f"{name} {100 * share:.0f} %" for name, share in zip(names, shares, strict=True) if share]


def _operators(episode: Episode, arm: int) -> list[str]:
    return [
        name for name in (episode.operator.vocabulary[i] for i in np.unique(episode.operator.index[:, arm])) if name
    ]


def _segment_lines(episode: Episode) -> list[str]:
    start_ns = episode.stamps_ns[0]
    lines = [f"{'segment':13}{'from':>8}{'to':>8}  end"]
    for s in episode_segments(episode):
        begin, end = ((episode.stamps_ns[tick] - start_ns) / NS for tick in (s.start, s.stop - 1))
        arms = f" ({', '.join(s.arms)})" if s.arms else ""
        lines.append(f"{s.kind:13}{begin:7.2f}s{end:7.2f}s  {s.end}{', terminal' if s.terminal else ''}{arms}")
    return lines


def main() -> None:
    """Entry point of `inspect`."""
    run_command("inspect", inspect, InspectConfig, about=__doc__, refused=(RecordingError, RigError, OSError))


if __name__ == "__main__":
    main()
