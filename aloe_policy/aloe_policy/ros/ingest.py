"""Bags to training data in one pass: `ros2 run aloe_policy ingest --bags DIR --rig FILE --encoder FILE --store DIR`.

Each bag is read and aligned once, and its frames go through all encoders that are asked for, by as many processes as
asked for; bags that are in the store already and have not changed are passed over; episodes whose bags were removed
from DIR are left out from then on. Stop it at any time: what was finished is kept, the next start goes on from there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from aloe_data.bag_folders import find_bags
from aloe_data.bag_state import is_closed
from aloe_data.command import run_command
from aloe_data.config import ConfigError, parameter
from aloe_data.durable import held
from aloe_data.episode_index import StoredEpisode, StoreError
from aloe_data.episode_store import EpisodeStore
from aloe_data.fingerprint import KIND, fingerprint_by_times
from aloe_data.frame_store import FrameStore
from aloe_data.frames import Episode
from aloe_data.recording import RecordingError
from aloe_data.rig import Rig, RigError
from aloe_data.rig_file import load_rig
from aloe_data.stored_features import open_features
from aloe_policy.backend import trainable_policy
from aloe_policy.checkpoint import CheckpointError
from aloe_policy.encoders.registry import FrameEncoder, load_encoder
from aloe_policy.ros.bag_reading import ReadBag, read_bags

Stored = tuple[EpisodeStore, tuple[FrameStore, ...]]


@dataclass(frozen=True)
class IngestConfig:
    """What to read and where to keep it."""

    bags: Path = parameter(doc="folder of episode bags, searched below")
    rig: Path = parameter(doc="rig file that the bags were recorded with")
    store: Path = parameter(doc="folder of the training data; it grows from call to call")
    processes: int = parameter(2, low=1, doc="that read bags at the same time")
    keep_gone: bool = parameter(False, doc="go on learning from episodes whose bags were removed from the folder")
    closed: bool = parameter(False, doc="leave out bags that are still being recorded")


@dataclass(frozen=True)
class EncodersConfig:
    """What is stored of the frames."""

    encoder: tuple[str, ...] = parameter(
        (), doc="encoders to make features with: 'pretrained', 'pixels', or a keypoint encoder's file (.safetensors)"
    )
    policy: str = parameter("", doc="checkpoint of a policy whose features to make as well; its views' size counts")
    image_width: int = parameter(128, unit="px", low=16, doc="width of views; the encoders'")
    image_height: int = parameter(96, unit="px", low=16, doc="height of views; the encoders'")


def encoders_of(config: EncodersConfig, rig: Rig) -> tuple[FrameEncoder, ...]:
    """The encoders that are asked for, each once.

    Raises:
        ConfigError: None is asked for, or one that does not exist.
        CheckpointError: The policy is missing, damaged, for another rig, or of a kind that cannot be trained.
    """
    found: dict[str, FrameEncoder] = {}
    image_size = config.image_height, config.image_width
    if config.policy:
        own = trainable_policy(config.policy, rig).frame_encoder
        found[own.spec.hash] = own
        image_size = own.spec.image_size
    for name in config.encoder:
        encoder = load_encoder(name, image_size)
        found[encoder.spec.hash] = encoder
    if not found:
        raise ConfigError("command line: give --encoder, --policy or both: what is to be stored of the frames?")
    return tuple(found.values())


def ingest(config: IngestConfig, encoders: Sequence[FrameEncoder]) -> Stored:
    """Bring the store up to date with the bags, and its features; says what was left out and why.

    Args:
        config: What to read and where to keep it.
        encoders: Encoders of the frames.

    Raises:
        ConfigError, RigError, RecordingError, StoreError: Bad input, before anything is read.
    """
    rig = load_rig(config.rig)
    image_size = _common_size(encoders)
    root = config.bags.expanduser().resolve()  # a store knows places by their full paths
    bags = find_bags(root, print)
    config.store.mkdir(parents=True, exist_ok=True)
    with held(config.store, f"{config.store}: another command reads bags into it; waiting for its end"):
        store = EpisodeStore(config.store, rig, image_size)
        features = tuple(open_features(store, encoder.spec) for encoder in encoders)
        _bring_up_to_date(config, store, features, encoders, root, bags)
        return store, features


def _common_size(encoders: Sequence[FrameEncoder]) -> tuple[int, int]:
    sizes = {encoder.spec.image_size: encoder.spec.encoder for encoder in encoders}
    if len(sizes) > 1:
        said = ", ".join(f"'{name}' {width}x{height} px" for (height, width), name in sizes.items())
        raise ConfigError(
            f"encoders: one store holds views of one size, these read {said}; give all the same "
            "--image-width and --image-height, or ingest into two stores"
        )
    return next(iter(sizes))


def _bring_up_to_date(
    config: IngestConfig,
    store: EpisodeStore,
    features: Sequence[FrameStore],
    encoders: Sequence[FrameEncoder],
    root: Path,
    found: list[Path],
) -> None:
    contents = {bag: store.fingerprint(bag) for bag in found}
    _recognise(store, contents)
    wanted = _wanted(config, store, features, contents)
    problems: list[str] = []
    spoilt: list[str] = []
    reading = read_bags(wanted, config.rig, encoders, config.processes)
    for done in tqdm(reading, total=len(wanted), desc="ingesting", unit="bag", disable=not wanted):
        if done.episode is None:
            problems.append(done.problem)
            continue
        spoilt += [f"{done.bag}: {said}" for said in done.episode.left_out]
        _write(features, _stored(store, done.episode, done.bag, contents[done.bag]), done)
    gone = store.follow(root, {str(bag): content for bag, content in contents.items()}, config.keep_gone)
    print(f"{config.store}: {len(store.bags)} episodes, {len(wanted) - len(problems)} of them new")
    for problem in [*problems, *spoilt]:
        print(f"left out: {problem}")
    if gone:
        print(f"left out: {len(gone)} episodes whose bags are gone ({_some(gone)}); `ingest --keep-gone` keeps them")


def _write(features: Sequence[FrameStore], stored: StoredEpisode, read: ReadBag) -> None:
    """Keep the features of a bag, but for those that the same episode in another form brought already."""
    for number, values in read.features.items():
        if not features[number].has(stored):
            features[number].write(stored, values)


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
    config: IngestConfig, store: EpisodeStore, features: Sequence[FrameStore], contents: Mapping[Path, str]
) -> dict[Path, list[int]]:
    """The bags that have to be read, each once, with the numbers of the features they lack; says which are copies."""
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
    wanted: dict[Path, list[int]] = {}
    for content, bag in first.items():
        known = store.find(content)
        lacking = [number for number, made in enumerate(features) if known is None or not made.has(known)]
        if lacking:
            wanted[bag] = lacking
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


def main() -> None:
    """Entry point of `ingest`."""
    refused = (CheckpointError, RigError, RecordingError, StoreError)
    run_command("ingest", _run, IngestConfig, EncodersConfig, about=__doc__, refused=refused)


def _run(config: IngestConfig, encoders: EncodersConfig) -> None:
    ingest(config, encoders_of(encoders, load_rig(config.rig)))


if __name__ == "__main__":
    main()
