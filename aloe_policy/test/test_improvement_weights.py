"""Weights come back as they were written, and what is no weights is refused with what to do."""

import dataclasses

import numpy as np
import pytest

from aloe_data.config import ConfigError
from aloe_policy.improvement_weights import META, Weights, load_weights, save_weights, say


def weights(count: int = 4, **changes) -> Weights:
    """Chunks at every fifth row of one segment."""
    row = 5 * np.arange(count)
    found = Weights(
        row=row,
        stop=np.full(count, 5 * count),
        weight=np.arange(count, dtype=np.float32),
        advantage=np.full(count, np.nan, np.float32),
        source=np.ones(count, np.int64),
        success=np.ones(count, bool),
        meta=dict.fromkeys(META, "said"),
    )
    return dataclasses.replace(found, **changes)


@pytest.mark.parametrize("chunks", [None, np.ones((4, 3, 2), np.float16)])
@pytest.mark.parametrize("good", [None, np.array([True, False, True, True])])
def test_what_was_written_is_read(tmp_path, chunks, good):
    written = weights(chunks=chunks, weight=np.arange(4.0), good=good)
    save_weights(tmp_path / "deep" / "w.npz", written)
    found = load_weights(tmp_path / "deep" / "w.npz")
    for field in dataclasses.fields(Weights):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(written, field.name))
    assert found.weight.dtype == np.float32 and len(found) == 4


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"weight": [1, np.nan, 1, np.nan]}, r"2 of 4 weights are no weights, the first is nan at entry 1 \(row 5\)"),
        ({"weight": [1, 1, np.inf, 1]}, "the first is inf at entry 2"),
        ({"weight": [1, 1, 1, -1]}, "the first is -1.0 at entry 3"),
        ({"weight": [0, 0, 0, 0]}, "no chunk left: all 4 weights are 0"),
        ({"source": [0, 1, 2, 3]}, "of unknown source"),
        ({"stop": [20, 20, 10, 20]}, "end before they begin"),
        ({"row": [1]}, "columns of wrong type or length"),
        ({"good": [True]}, "columns of wrong type or length"),
        ({"good": [[True]] * 4}, "columns of wrong type or length"),
        ({"meta": {"method": "aloe"}}, "meta lacks options"),
    ],
)
def test_columns_that_make_no_sense_are_refused(tmp_path, changes, says):
    save_weights(tmp_path / "w.npz", weights(**changes))
    with pytest.raises(ConfigError, match=says):
        load_weights(tmp_path / "w.npz")


def test_what_is_no_such_file_is_refused(tmp_path):
    file = tmp_path / "w.npz"
    with pytest.raises(ConfigError, match="no weights"):
        load_weights(file)
    file.write_bytes(b"something else")
    with pytest.raises(ConfigError, match="no weights"):
        load_weights(file)
    np.savez(file, row=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ConfigError, match="no weights"):
        load_weights(file)
    save_weights(file, weights())
    file.write_bytes(file.read_bytes()[:-300])
    with pytest.raises(ConfigError, match=r"no weights .* make them with `ros2 run aloe_critic weigh`"):
        load_weights(file)


def test_a_write_that_fails_leaves_the_file_before_it(tmp_path, monkeypatch):
    file = tmp_path / "w.npz"
    save_weights(file, weights())
    before = file.read_bytes()

    def fail(stream, **arrays):
        stream.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="disk full"):
        save_weights(file, weights(weight=np.ones(4)))
    assert file.read_bytes() == before and [*tmp_path.iterdir()] == [file]


def test_what_is_good_is_described_where_it_is_told():
    known = {"effective_sample_size": 1.0, "clipped": 0.0, "share": {"demo": 0.25, "autonomous": 0.75}}
    assert say(known).endswith("weight by source: demo 25%, autonomous 75%")
    assert say({**known, "good": {"demo": 1.0, "autonomous": 0.2}}).endswith("; good: demo 100%, autonomous 20%")
