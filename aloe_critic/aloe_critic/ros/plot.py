"""What a critic says along an episode: `ros2 run aloe_critic plot BAG --critic DIR --policy CHECKPOINT`.

Draws Q of every executed chunk by each critic and by all of them, V, the advantage, who was in control and what the
cameras saw, and marks the chunks that mattered most: a picture (PNG), and beside it a page to move about in (HTML, all
inside one file). With --mcap a copy of the bag gets the topic /critic/q, as critic_node would have published it.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from aloe_critic.estimates import Estimates
from aloe_critic.ros.messages import estimate_message
from aloe_critic.ros.q_bag import copy_with_estimates
from aloe_critic.scorer import AskConfig, ChunkScorer, load_scorer
from aloe_critic.timeline import Timeline, score_episode
from aloe_critic.timeline_page import save_page
from aloe_critic.timeline_picture import save_picture
from aloe_data.chunk import Chunk
from aloe_data.config import ConfigError, add_arguments, from_arguments, parameter
from aloe_data.frames import Episode
from aloe_data.observation import StaleInput
from aloe_data.recording import RecordingError
from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_frames import read_episode
from aloe_data.ros.bag_reader import read_own_record
from aloe_data.ros.bag_streams import read_observations
from aloe_data.ros.bag_survey import rig_inside


@dataclass(frozen=True)
class PlotConfig(AskConfig):
    """What to ask, and what to draw."""

    critic: Path = parameter(doc="folder of the critic")
    policy: Path = parameter(doc="checkpoint of the policy that the critic was trained for")
    rig: Path | None = parameter(None, doc="rig file to read the bag with; default: the one inside the bag")
    out: Path | None = parameter(None, doc="PNG to write, with the page (.html) beside it; default: BAG_q.png, here")
    mcap: Path | None = parameter(None, doc="folder for a copy of the bag with the topic /critic/q")
    stride: int = parameter(5, unit="ticks", low=1, doc="between the beginnings of executed chunks")
    marks: int = parameter(5, low=0, doc="chunks to mark")
    threads: int = parameter(1, low=1, doc="CPU threads")


Proposal = tuple[Chunk, Estimates]


def score_proposals(scorer: ChunkScorer, bag: Path, rig: Rig) -> Iterator[Proposal]:
    """What critic_node says about every chunk of a bag; chunks whose observation the bag lacks are left out.

    Raises:
        RecordingError, CodecError, ValueError: see `read_observations` and `ChunkScorer.score_chunk`.
    """
    for chunk, observation in read_observations(bag, rig, scorer.image_size):
        if not isinstance(observation, StaleInput):
            yield chunk, scorer.score_chunk(observation, chunk)


def plot(bag: Path, config: PlotConfig) -> Timeline:
    """Score and draw a bag.

    Raises:
        CheckpointError, RecordingError, EpisodeError, RigError, ConfigError, CodecError, ValueError: bad input.
    """
    picture = config.out or Path(f"{bag.name}_q.png")
    page = picture.with_suffix(".html")
    if page == picture:
        raise ConfigError(f"command line: out: {picture} is the page's name; give the picture's, such as FILE.png")
    if config.mcap and config.mcap.exists():
        raise ConfigError(f"command line: mcap: {config.mcap} exists; name a new folder")
    with _rig(bag, config) as rig:
        scorer = load_scorer(config.critic, config.policy, rig, config)
        episode = read_episode(bag, rig, scorer.image_size)
        proposals = list(score_proposals(scorer, bag, rig))
        timeline = score_episode(scorer, episode, proposals, config.stride, config.marks)
    picture.parent.mkdir(parents=True, exist_ok=True)
    words = _title(episode), _note(scorer)
    save_picture(timeline, episode, *words, picture)
    save_page(timeline, episode, *words, page)
    print("\n".join(_sentences(timeline, episode)))
    print(f"picture: {picture}\npage:    {page}")
    if config.mcap:
        version = scorer.critic.version
        copy_with_estimates(bag, config.mcap, rig, (estimate_message(e, 0, c, version) for c, e in proposals))
        print(f"bag:     {config.mcap}")
    return timeline


@contextmanager
def _rig(bag: Path, config: PlotConfig) -> Iterator[Rig]:
    if config.rig:
        yield load_rig(config.rig)
    else:
        with rig_inside(read_own_record(bag)) as rig:
            yield rig


def _title(episode: Episode) -> str:
    return f"{episode.facts.episode_id}: {episode.facts.verdict}; {episode.prompt}"


def _note(scorer: ChunkScorer) -> str:
    critic = scorer.critic
    gates = "passed its gates" if critic.config["passed"] else f"failed its gates: {critic.config['judgement'][0]}"
    return f"Critic {critic.version[:12]} of the policy {str(critic.config['policy'])[:12]}, which {gates}."


def _sentences(timeline: Timeline, episode: Episode) -> Iterator[str]:
    found = timeline.estimates
    yield f"{_title(episode)}; Q from {found.aggregated[0]:.2f} to {found.aggregated[-1]:.2f}"
    for turn in timeline.turns:
        tick = int(timeline.ticks[turn.index])
        verb = "rises" if turn.change > 0 else "falls"
        where = f"chunk {episode.chunk_id[tick]}" if episode.chunk_id[tick] else "nobody's chunk"
        what = f"Q {verb} by {abs(turn.change):.2f} ({where}, tick {episode.ticks[tick]})"
        yield f"{timeline.time_s[turn.index]:6.2f} s  {what}"


def main() -> None:
    """Entry point of `plot`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bag", type=Path, metavar="BAG", help="folder of the bag")
    add_arguments(parser, PlotConfig)
    arguments = parser.parse_args()
    try:
        config = from_arguments(PlotConfig, arguments)
        torch.set_num_threads(config.threads)
        plot(arguments.bag.expanduser().resolve(), config)
    except (ValueError, RecordingError, OSError) as error:
        sys.exit(f"plot: {error}")


if __name__ == "__main__":
    main()
