"""A training's state comes back as it was; whatever else lies there is refused with the remedy."""

from pathlib import Path

import pytest
import torch

from aloe_policy.checkpoint import CheckpointError
from aloe_policy.training_state import load_state, save_state, state_file


def test_a_state_comes_back(tmp_path: Path) -> None:
    file = state_file(tmp_path / "policy")
    save_state(file, {"weights": torch.arange(3.0), "step": 7})
    found = load_state(file)
    assert found["step"] == 7 and found["weights"].tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    "content", [None, b"", b"# notes, and no state at all", bytes(1000), b"PK\x03\x04 and no more"]
)
def test_a_file_that_is_no_state_is_refused_with_the_remedy(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "state.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"state\.pt: no training to go on with .*; start anew without --resume"):
        load_state(tmp_path / "state.pt")


def test_a_state_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "state.pt"
    save_state(file, {"weights": torch.zeros(1000)})
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(CheckpointError, match="start anew without --resume"):
        load_state(file)
