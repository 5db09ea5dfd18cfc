"""Bags to training data in one pass: `ros2 run aloe_policy ingest --bags DIR --rig FILE --encoder FILE --store DIR`.

Each bag is read, aligned and encoded once, by as many processes as asked for; bags that are in the store already and
have not changed are passed over; episodes whose bags were removed from DIR are left out from then on. Stop it at any
time: what was finished is kept, the next start goes on from there.
"""

import argparse
import hashlib
import sys
from collections.abc import Iterator
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
from aloe_data.config import ConfigError, add_arguments, from_arguments, parameter
from aloe_data.durable import held
from aloe_data.episode_store import EpisodeStore, FeatureStore, StoredEpisode, StoreError
from aloe_data.frames import Episode, EpisodeError
from aloe_data.recording import RecordingError
from aloe_data.rig import Rig, RigError, load_rig
from aloe_data.ros.bag_frames import read_episode
from aloe_policy.dataset import encode_frames
from aloe_policy.encoder import STRIDE, TOKEN_WIDTH, ImageEncoder
from aloe_policy.encoder_file import load_encoder


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
    closed: bool = parameter(False, doc="leave out bags that are still being recorded (without metadata.yaml)")


@dataclass(frozen=True)
class Ingested:
    """One bag as it comes from a reading process: the episode without its images, and their features."""

    bag: Path
    episode: Episode | None
    features: NDArray[np.float16] | None
    problem: str = ""


def fingerprint(bag: Path) -> str:
    """Changes when the bag does: over the names, sizes and times of its files."""
    digest = hashlib.sha256()
    for file in sorted(bag.iterdir()):
        digest.update(f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}".encode())
    return digest.hexdigest()


def encoder_hash(path: Path) -> str:
    """sha256 (hex) of an encoder's file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def ingest(config: IngestConfig) -> tuple[EpisodeStore, FeatureStore]:
    """Bring the store up to date with the bags, and its features; says what was left out and why.

    Raises:
        ConfigError, RigError, RecordingError, StoreError: bad input, before anything is read.
    """
    rig, encoder = load_rig(config.rig), load_encoder(config.encoder)
    bags = find_bags(config.bags.expanduser().resolve(), print)  # a store knows bags by their full paths
    config.store.mkdir(parents=True, exist_ok=True)
    with held(config.store, f"{config.store}: another command reads bags into it; waiting for its end"):
        return _bring_up_to_date(config, rig, encoder, bags)


def _bring_up_to_date(
    config: IngestConfig, rig: Rig, encoder: ImageEncoder, found: list[Path]
) -> tuple[EpisodeStore, FeatureStore]:
    store = EpisodeStore(config.store, rig, (config.image_height, config.image_width))
    root = config.bags.expanduser().resolve()
    there = [episode.bag for episode in store.episodes] if config.keep_gone else [str(bag) for bag in found]
    gone = store.follow(root, there)
    bags = [bag for bag in found if not config.closed or (bag / "metadata.yaml").exists()]
    features = FeatureStore(store, encoder_hash(config.encoder), (len(encoder.keypoints), TOKEN_WIDTH))
    prints = {bag: fingerprint(bag) for bag in bags}
    known_bags = store.bags
    wanted = [bag for bag in bags if not _is_there(known_bags.get(str(bag)), features, prints[bag])]
    problems = []
    for done in tqdm(_read_all(wanted, config), total=len(wanted), desc="ingesting", unit="bag", disable=not wanted):
        if done.episode is None or done.features is None:
            problems.append(done.problem)
            continue
        known = known_bags.get(str(done.bag))
        if known is None or known.fingerprint != prints[done.bag]:
            known = store.append(done.episode, str(done.bag), prints[done.bag])
        features.write(known, done.features)
    print(f"{config.store}: {len(store.bags)} episodes, {len(wanted) - len(problems)} of them new")
    for problem in problems:
        print(f"left out: {problem}")
    if gone:
        some = ", ".join(gone[:3]) + ", ..." * (len(gone) > 3)
        print(f"left out: {len(gone)} episodes whose bags are gone ({some}); `ingest --keep-gone` keeps them")
    return store, features


def _is_there(known: StoredEpisode | None, features: FeatureStore, content: str) -> bool:
    return known is not None and known.fingerprint == content and features.has(known)


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
