"""Bags to training data in one pass: `ros2 run aloe_policy ingest --bags DIR --rig FILE --encoder FILE --store DIR`.

Each bag is read, aligned and encoded once, by as many processes as asked for; bags that are in the store already and
have not changed are passed over; episodes whose bags were removed from DIR are left out from then on. Stop it at any
time: what was finished is kept, the next start goes on from there.
"""

import argparse
import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from aloe_data.bag_folders import find_bags
from aloe_data.bag_state import is_closed
from aloe_data.config import ConfigError, add_arguments, from_arguments, parameter
from aloe_data.durable import held
from aloe_data.episode_index import StoredEpisode, StoreError
from aloe_data.episode_store import EpisodeStore
from aloe_data.feature_store import FeatureStore
from aloe_data.fingerprint import KIND, fingerprint_by_times
from aloe_data.frames import Episode, EpisodeError
from aloe_data.recording import RecordingError
from aloe_data.rig import Rig, RigError
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_frames import read_episode
from aloe_policy.dataset import encode_frames
from aloe_policy.encoders.keypoint_file import load_encoder
from aloe_policy.encoders.keypoints import STRIDE, TOKEN_WIDTH, ImageEncoder


@dataclass(frozen=True)
class IngestConfig:
    """What to read and where to keep it."""

    bags: Path = parameter(doc="folder of episode bags, searched below")
    rig: Path = parameter(doc="rig file that the bags were recorded with")
    encoder: Path = parameter(doc="image encoder that `pretrain_encoder` wrote (.safetensors)")
    store: Path = parameter(doc="folder of the training data; it grows from call to call")
    processes: int = parameter(2, low=1, doc="that read bags at the same time")
    image_width: int = parameter(128, unit="px", low=STRIDE, doc="width of views; the encoder's")
    image_height: int = parameter(96, unit="px", low=STRIDE, doc="height of views; the encoder's")
    keep_gone: bool = parameter(False, doc="go on learning from episodes whose bags were removed from the folder")
    closed: bool = parameter(False, doc="leave out bags that are still being recorded")


@dataclass(frozen=True)
class Ingested:
    """One bag as it comes from a reading process: the episode without its images, and their features."""

    bag: Path
    episode: Episode | None
    features: NDArray[np.float16] | None
    problem: str = ""


def encoder_hash(path: Path) -> str:
    """sha256 (hex) of an encoder's file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def ingest(config: IngestConfig) -> tuple[EpisodeStore, FeatureStore]:
    """Bring the store up to date with the bags, and its features; says what was left out and why.

    Raises:
        ConfigError, RigError, RecordingError, StoreError: bad input, before anything is read.
    """
    rig, encoder = load_rig(config.rig), load_encoder(config.encoder)
    root = config.bags.expanduser().resolve()  # a store knows places by their full paths
    bags = find_bags(root, print)
    config.store.mkdir(parents=True, exist_ok=True)
    with held(config.store, f"{config.store}: another command reads bags into it; waiting for its end"):
        return _bring_up_to_date(config, rig, encoder, root, bags)


def _bring_up_to_date(
    config: IngestConfig, rig: Rig, encoder: ImageEncoder, root: Path, found: list[Path]
) -> tuple[EpisodeStore, FeatureStore]:
    store = EpisodeStore(config.store, rig, (config.image_height, config.image_width))
    features = FeatureStore(store, encoder_hash(config.encoder), (len(encoder.keypoints), TOKEN_WIDTH))
    contents = {bag: store.fingerprint(bag) for bag in found}
    _recognise(store, contents)
    wanted = _wanted(config, store, features, contents)
    problems: list[str] = []
    spoilt: list[str] = []
    for done in tqdm(_read_all(wanted, config), total=len(wanted), desc="ingesting", unit="bag", disable=not wanted):
        if done.episode is None or done.features is None:
            problems.append(done.problem)
            continue
        spoilt += [f"{done.bag}: {said}" for said in done.episode.left_out]
        features.write(_stored(store, done.episode, done.bag, contents[done.bag]), done.features)
    gone = store.follow(root, {str(bag): content for bag, content in contents.items()}, config.keep_gone)
    print(f"{config.store}: {len(store.bags)} episodes, {len(wanted) - len(problems)} of them new")
    for problem in [*problems, *spoilt]:
        print(f"left out: {problem}")
    if gone:
        print(f"left out: {len(gone)} episodes whose bags are gone ({_some(gone)}); `ingest --keep-gone` keeps them")
    return store, features


def _recognise(store: EpisodeStore, contents: Mapping[Path, str]) -> None:
    """Let bags that a former version ingested be known by their content from now on."""
    former = {e.fingerprint: e for e in store.episodes if not e.fingerprint.startswith(KIND)}
    if not former:
        return  # without a look at the bags
    for bag, content in contents.items():
        if store.find(content) is not None:
            continue
        known = former.get(fingerprint_by_times(bag))
        if known is not None:
            store.unite(content, known)


def _wanted(
    config: IngestConfig, store: EpisodeStore, features: FeatureStore, contents: Mapping[Path, str]
) -> list[Path]:
    """The bags that have to be read, each once; says which are copies."""
    first: dict[str, Path] = {}
    copies: dict[Path, Path] = {}
    for bag, content in contents.items():
        if config.closed and not is_closed(bag):
            continue
        taken = first.setdefault(content, bag)
        if taken != bag:
            copies[bag] = taken
    if copies:
        pairs = [f"{copy} of {taken}" for copy, taken in copies.items()]
        print(f"left out: {len(copies)} bags that are copies ({_some(pairs)})")
    wanted: list[Path] = []
    for content, bag in first.items():
        known = store.find(content)
        if known is None or not features.has(known):
            wanted.append(bag)
    return wanted


def _stored(store: EpisodeStore, episode: Episode, bag: Path, content: str) -> StoredEpisode:
    """An episode that was just read, in the store: once, in whatever form it came before."""
    known = store.find(content)
    if known is not None:
        return known
    twin = store.twin(episode)
    facts = episode.facts
    if twin is not None and (twin.prompt, twin.seed, twin.verdict) == (facts.prompt, facts.seed, facts.verdict):
        store.unite(content, twin)
        return twin
    added = store.append(episode, str(bag), content)
    if twin is not None:
        store.unite(twin.fingerprint, added)
    return added


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _read_all(bags: list[Path], config: IngestConfig) -> Iterator[Ingested]:
    if config.processes == 1 or len(bags) < 2:
        yield from (_read(bag, config) for bag in bags)
        return
    one_thread = {"initializer": torch.set_num_threads, "initargs": (1,)}  # there, not in the process that trains
    with ProcessPoolExecutor(config.processes, mp_context=get_context("spawn"), **one_thread) as pool:
        yield from pool.map(_read, bags, [config] * len(bags))


def _read(bag: Path, config: IngestConfig) -> Ingested:
    try:
        episode = read_episode(bag, _rig(config.rig), image_size=(config.image_height, config.image_width))
    except EpisodeError as error:
        return Ingested(bag, None, None, str(error))
    encoder = _encoder(config.encoder)
    views = [encode_frames(encoder, episode.frames[camera.name]) for camera in episode.rig.cameras]
    without_pixels = {name: frames[:, :0, :0].copy() for name, frames in episode.frames.items()}
    return Ingested(bag, replace(episode, frames=without_pixels), np.concatenate(views))


@cache
def _rig(path: Path) -> Rig:
    return load_rig(path)


@cache
def _encoder(path: Path) -> ImageEncoder:
    return load_encoder(path)


def main() -> None:
    """Entry point of `ingest`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser, IngestConfig)
    try:
        ingest(from_arguments(IngestConfig, parser.parse_args()))
    except (ConfigError, RigError, RecordingError, StoreError) as error:
        sys.exit(f"ingest: {error}")


if __name__ == "__main__":
    main()
