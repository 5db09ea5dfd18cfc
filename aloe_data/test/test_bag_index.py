"""Whatever is moved, copied, removed and ingested in whatever order: what is there counts once, where it is."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from aloe_data.bag_folders import find_bags
from aloe_data.bag_index import BagIndex
from aloe_data.fingerprint import fingerprint
from aloe_data.recording import RecordingError

FOLDERS, NAMES = ("a", "b"), ("ep_0", "ep_1", "ep_2")
PLACES = st.tuples(st.sampled_from(FOLDERS), st.sampled_from(NAMES))
STEPS = st.one_of(
    st.tuples(st.just("record"), PLACES, st.integers(0, 3)),
    st.tuples(st.just("remove"), PLACES),
    st.tuples(st.just("move"), PLACES, PLACES),
    st.tuples(st.just("copy"), PLACES, PLACES),
    st.tuples(st.just("ingest"), st.sampled_from(FOLDERS)),
    st.tuples(st.just("move all")),
)


class World:
    """Two folders of bags, and the index of a store beside them."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home0"
        (self.home / "store").mkdir(parents=True)
        self.ingested: list[tuple[str, str]] = []

    def path(self, place: tuple[str, str]) -> Path:
        return self.home.joinpath(*place)

    def do(self, what: str, *words: object) -> None:
        getattr(self, what.replace(" ", "_"))(*words)

    def record(self, place: tuple[str, str], content: int) -> None:
        self.remove(place)
        self.path(place).mkdir(parents=True)
        (self.path(place) / "0.mcap").write_text(f"episode {content}")

    def remove(self, place: tuple[str, str]) -> None:
        shutil.rmtree(self.path(place), ignore_errors=True)

    def move(self, before: tuple[str, str], after: tuple[str, str]) -> None:
        if self.path(before).exists() and before != after:
            self.copy(before, after)
            self.remove(before)

    def copy(self, before: tuple[str, str], after: tuple[str, str]) -> None:
        if self.path(before).exists() and before != after:
            self.remove(after)
            shutil.copytree(self.path(before), self.path(after))

    def move_all(self) -> None:
        self.home = self.home.rename(self.home.with_name(f"home{int(self.home.name[4:]) + 1}"))

    def ingest(self, folder: str) -> BagIndex:
        """As the command does, with an index that is opened anew."""
        index = BagIndex(self.home / "store", self.ingested)
        root = self.home / folder
        try:
            found = {str(bag): index.fingerprint(bag) for bag in find_bags(root)}
        except RecordingError:
            found = {}
        known = {content for content, _ in self.ingested}
        for bag, content in found.items():
            if content not in known:
                known.add(content)
                self.ingested.append((content, bag))
                index.add(content, bag)
        index.follow(root, found, keep_gone=False)
        return BagIndex(self.home / "store", self.ingested)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEPS, max_size=25))
def test_after_all_folders_were_ingested_exactly_what_they_hold_counts_once_where_it_is(steps) -> None:
    with TemporaryDirectory() as root:
        world = World(Path(root))
        for step in steps:
            world.do(*step)
        for folder in FOLDERS:
            index = world.ingest(folder)
        bags = [world.path((folder, name)) for folder in FOLDERS for name in NAMES]
        holds = {str(bag): fingerprint(bag) for bag in bags if bag.exists()}
        assert set(index.there) == set(holds.values())
        assert all(holds[index.place(key)] == key for key in index.there)
