"""Features and pixels of a store's frames: what was written comes back, whatever a crash tore; faults are named."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_replay import RIG, SIZE, episode

from aloe_data.episode_index import StoreError
from aloe_data.episode_store import EpisodeStore
from aloe_data.feature_spec import FeatureSpec, pixel_spec
from aloe_data.feature_store import FeatureStore
from aloe_data.frame_store import stored_specs
from aloe_data.pixel_store import PixelStore, shrink
from aloe_data.stored_features import open_features

PIXELS = pixel_spec(*SIZE)
TOKENS = FeatureSpec("pretrained", (6, 4), "float16", "b" * 64, SIZE)
CAMERAS = len(RIG.cameras)


@pytest.fixture
def store(tmp_path) -> EpisodeStore:
    return EpisodeStore(tmp_path / "store", RIG, SIZE)


def add(store: EpisodeStore, length: int, number: int):
    return store.append(episode(length, number), f"bag {number}", f"of {number}")


def pictures(count: int, seed: int = 0) -> np.ndarray:
    """Smooth pictures, as cameras make them: JPEG is for these."""
    rough = np.random.default_rng(seed).integers(0, 255, (count, 4, 4, 3), dtype=np.uint8)
    return np.stack([cv2.resize(one, (SIZE[1], SIZE[0]), interpolation=cv2.INTER_CUBIC) for one in rough])


def test_pixels_come_back_as_they_were_but_for_the_jpeg_in_any_order_and_shape(store):
    pixels = open_features(store, PIXELS)
    rows = [add(store, 12, 1), add(store, 40, 2)]
    frames = [pictures(row.frames, row.seed) for row in rows]
    for row, values in zip(rows, frames, strict=True):
        pixels.write(row, values)
    wanted = np.concatenate(frames)
    index = np.random.default_rng(0).permutation(len(wanted)).reshape(-1, CAMERAS)
    again = open_features(EpisodeStore(store.folder, RIG, SIZE), PIXELS)
    assert isinstance(again, PixelStore) and all(again.has(row) for row in rows)
    found = again.take(index)
    assert found.dtype == np.uint8 and found.shape == (*index.shape, *PIXELS.shape)
    assert np.abs(found.astype(int) - wanted[index]).mean() < 3
    np.testing.assert_array_equal(found, pixels.take(index))


def test_what_a_crash_left_of_an_episode_is_written_anew_and_harms_no_other(store):
    first, second = add(store, 5, 1), add(store, 5, 2)
    pixels = PixelStore(store, PIXELS)
    pixels.write(first, pictures(first.frames))
    folder = store.folder / "features" / PIXELS.hash
    with (folder / "frames.jpg").open("ab") as file:
        file.write(b"torn")
    again = PixelStore(store, PIXELS)
    assert not again.has(second)
    with pytest.raises(StoreError, match=rf"no pixels of frame {second.first_frame} \(bag 2\); ingest its bag again"):
        again.take(np.array([second.first_frame]))
    again.write(second, pictures(second.frames, 1))
    found = again.take(np.arange(first.frames + second.frames))
    wanted = np.concatenate([pictures(first.frames), pictures(second.frames, 1)])
    assert np.abs(found.astype(int) - wanted).mean() < 3


def test_a_damaged_picture_is_named_with_its_file_and_place(store):
    row = add(store, 5, 1)
    pixels = PixelStore(store, PIXELS)
    pixels.write(row, pictures(row.frames))
    file = store.folder / "features" / PIXELS.hash / "frames.jpg"
    file.write_bytes(b"\0" * file.stat().st_size)
    with pytest.raises(StoreError, match=r"frames\.jpg: the JPEG of frame 3 at byte \d+ is damaged; remove"):
        PixelStore(store, PIXELS).take(np.array([3]))


def test_one_store_holds_pixels_and_features_side_by_side_and_says_which(store):
    row = add(store, 5, 1)
    pixels, tokens = open_features(store, PIXELS), open_features(store, TOKENS)
    pixels.write(row, pictures(row.frames))
    values = np.arange(row.frames * 24, dtype=np.float16).reshape(-1, 6, 4)
    tokens.write(row, values)
    index = np.array([[3, 0], [14, 7]])
    np.testing.assert_array_equal(tokens.take(index), values[index])
    assert {spec.encoder: spec for spec in stored_specs(store)} == {"pixels": PIXELS, "pretrained": TOKENS}
    with pytest.raises(ValueError, match="is"):
        tokens.write(row, values[1:])


def test_stores_from_before_are_read_as_they_are(store):
    row = add(store, 5, 1)
    folder = store.folder / "features" / "hash"
    FeatureStore(store, "hash", (2, 3)).write(row, np.ones((row.frames, 2, 3), np.float16))
    (folder / "spec.json").rename(folder / "shape.json")
    (folder / "shape.json").write_text("[2, 3]\n")
    files = sorted(folder.iterdir())
    again = FeatureStore(store, "hash", (2, 3))
    assert again.has(row) and again.take(np.array([4])).sum() == 6
    assert sorted(folder.iterdir()) == files
    assert stored_specs(store) == [FeatureSpec("keypoints", (2, 3), "float16", "hash", SIZE)]
    with pytest.raises(StoreError, match=r"shape of what is stored is \(2, 3\), not \(9, 9\); remove"):
        FeatureStore(store, "hash", (9, 9))


@pytest.mark.parametrize("text", ["", "3", "[]", '{"shape": 3}', json.dumps({"encoder": "x"})])
def test_a_description_that_was_edited_into_nonsense_is_named(store, text):
    header = store.folder / "features" / PIXELS.hash / "spec.json"
    PixelStore(store, PIXELS)
    header.write_text(text)
    with pytest.raises(StoreError, match=r"spec\.json: is no description of what is stored .*; remove "):
        PixelStore(store, PIXELS)


def test_frames_of_a_camera_shrink_to_the_size_of_the_description(tmp_path: Path):
    assert shrink(np.zeros((2, 240, 320, 3), np.uint8), PIXELS).shape == (2, *PIXELS.shape)
