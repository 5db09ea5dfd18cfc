"""Scenes for an encoder: what an expert's episodes look like."""

from pathlib import Path

import numpy as np

from aloe_data.rig_file import load_rig
from aloe_sim.rollout.scenes import SceneRecorder, ScenesConfig
from aloe_sim.tasks.expert_base import CannotHelpError
from aloe_sim.tasks.registry import make_expert

RIG = Path(__file__).parents[3] / "config" / "rig_sim.yaml"


class GivesUp:
    """An expert that knows one chunk only."""

    def __init__(self, sim):
        self._expert, self._asked = make_expert(sim), 0

    def chunk(self, rows, executed):
        self._asked += 1
        if self._asked > 1:
            raise CannotHelpError("the cube lies beyond the reach of both arms")
        return self._expert.chunk(rows, executed=executed)


def test_an_episode_that_the_expert_gives_up_ends_there_and_what_was_seen_is_kept(monkeypatch, tmp_path):
    monkeypatch.setattr("aloe_sim.rollout.scenes.make_expert", GivesUp)
    config = ScenesConfig(rig=RIG, out=tmp_path / "scenes.npz", stride=10, width=32, height=24)
    recorder = SceneRecorder(load_rig(RIG), config)
    assert recorder.episode(1) == 3  # in ticks 0, 10 and 20 of the only chunk
    assert len(recorder.views) == len(recorder.labels) == 3


def test_varied_scenes_look_otherwise_and_hold_the_same_things(tmp_path):
    first = {}
    for variation in ("none", "training"):
        config = ScenesConfig(rig=RIG, out=tmp_path / "s.npz", stride=1000, width=32, height=24, variation=variation)
        recorder = SceneRecorder(load_rig(RIG), config)
        assert recorder.episode(3) == 1
        first[variation] = recorder.views[0], recorder.labels[0]
    difference = np.abs(first["none"][0].astype(int) - first["training"][0]).mean()
    assert difference > 5, "other lights, table tops and colours"
    assert first["training"][1][..., 2].sum() >= 2
