"""What a store says of its episodes: one line each, and where their bags are now."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aloe_data.bag_index import BagIndex
from aloe_data.sidecar import SidecarError, read_rows


class StoreError(ValueError):
    """A store that cannot be used; the message names the file, the fault and the remedy."""


@dataclass(frozen=True)
class StoredEpisode:
    """One line of `episodes.jsonl`.

    Attributes:
        bag: Folder of the bag: in the file, the one that it was ingested from; in `EpisodeStore.bags`, where it is now.
        fingerprint: Fingerprint of the bag's content, by which it is known wherever it lies; one that changed is
            ingested anew.
        episode_id, prompt, seed, verdict: Facts as in EpisodeFacts; the verdict is the bag's own at the time of ingest.
        policy: Version of the policy that commanded most of its ticks; "": none did.
        first_tick, ticks: First of its rows in `ticks/`, and their number.
        first_frame, frames: First of its rows in `features/`, camera by camera, and their number.
    """

    bag: str
    fingerprint: str
    episode_id: str
    prompt: str
    seed: int
    verdict: str
    policy: str
    first_tick: int
    ticks: int
    first_frame: int
    frames: int


def read_index(folder: Path) -> tuple[StoredEpisode, ...]:
    """The episodes of a store's folder; none where there is no store.

    Raises:
        StoreError: a line of another kind.
    """
    try:
        return tuple(episode for _, episode in read_rows(folder / "episodes.jsonl", StoredEpisode, "episode"))
    except SidecarError as error:
        raise StoreError(str(error)) from error


def folders_of_bags(folder: Path) -> set[Path]:
    """Where the bags of a store are now that are not gone; none where there is no store.

    Raises:
        StoreError: a file of another kind.
    """
    index = open_bag_index(folder, read_index(folder))
    return {Path(index.place(key)) for key in index.there}


def open_bag_index(folder: Path, episodes: Sequence[StoredEpisode]) -> BagIndex:
    """The index of the bags that the episodes of a store were ingested from.

    Raises:
        StoreError: a file of another kind.
    """
    try:
        return BagIndex(folder, ((episode.fingerprint, episode.bag) for episode in episodes))
    except SidecarError as error:
        raise StoreError(f"{error}; remove it, and ingest again") from error
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise StoreError(f"{folder / 'bags.json'}: cannot be read: {error}; remove it, and ingest again") from error
