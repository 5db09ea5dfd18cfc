"""Which chunks are scored, which ones matter, and that picture and page hold them."""

import dataclasses
import json
import re

import critic_made as made
import critic_store as stored
import numpy as np
import pytest

from aloe_critic.timeline import LEAST, executed_windows, score_episode, turning_points
from aloe_critic.timeline_page import save_page
from aloe_critic.timeline_picture import save_picture
from aloe_data.chunk import Chunk
from aloe_data.frames import Words


@pytest.fixture(scope="module")
def episode():
    made_up = stored.episode(0, "success", human_from=30)
    source = made_up.source.copy()
    source[:8] = 0  # nobody commands at first
    views, facts = made.views(stored.LENGTH), dataclasses.replace(made_up.facts, prompt="put </script> left")
    frames = {camera.name: views[:, c] for c, camera in enumerate(made.RIG.cameras)}
    operators = Words.of([("", "Ada")] * stored.LENGTH)
    return dataclasses.replace(made_up, frames=frames, source=source, facts=facts, operator=operators)


@pytest.fixture(scope="module")
def scorer(tmp_path_factory):
    return made.scorer(tmp_path_factory.mktemp("timeline"), health={"q_std": 1e-3})


@pytest.fixture(scope="module")
def timeline(episode, scorer):
    rows = np.zeros((20, made.RIG.action_dim), np.float32)
    joints, images = episode.state[[0]], episode.images([0])
    found = scorer.score(images, joints, "sort", rows[None, : made.STEPS])
    proposals = [(Chunk(at_ns, 1, rows, "v", 1, 50.0), found) for at_ns in (-5, 200_000_000, 10**12)]
    return score_episode(scorer, episode, proposals, 4, 3)


def test_chunks_are_cut_where_control_changes_and_repeat_their_last_set_point(episode):
    ticks, windows = executed_windows(episode, made.STEPS, 4)
    bounds = {k: next(stop for start, stop in ((8, 30), (30, 60)) if start <= k < stop) for k in ticks.tolist()}
    assert ticks.tolist() == [*range(8, 30, 4), *range(30, 60, 4)]
    for tick, window in zip(ticks.tolist(), windows, strict=True):
        expected = [episode.executed[min(tick + k, bounds[tick] - 1)] for k in range(made.STEPS)]
        np.testing.assert_array_equal(window, expected)


def test_ticks_without_an_observation_or_a_commander_are_not_scored(episode, scorer):
    observed = episode.observed.copy()
    observed[12] = False
    ticks, _ = executed_windows(dataclasses.replace(episode, observed=observed), made.STEPS, 4)
    assert 12 not in ticks and 4 not in ticks
    nobody = dataclasses.replace(episode, source=np.zeros_like(episode.source))
    assert executed_windows(nobody, made.STEPS, 4)[0].shape == (0,)
    with pytest.raises(ValueError, match="nobody commanded"):
        score_episode(scorer, nobody, [], 4, 3)


def test_the_largest_changes_are_marked_once_each():
    ticks = np.arange(0, 200, 5)
    q = np.where(ticks < 60, -0.5, np.where(ticks < 120, -0.9, -0.1))
    turns = turning_points(ticks, q, 25, marks=5, least=0.05)
    assert [round(turn.change, 3) for turn in turns] == [-0.4, 0.8]
    for turn, step in zip(turns, (60, 120), strict=True):
        assert ticks[turn.index] < step <= ticks[turn.index] + 25
    assert [turn.change > 0 for turn in turning_points(ticks, q, 25, marks=1, least=0.05)] == [True]
    assert turning_points(ticks, q, 25, marks=5, least=1.0) == ()
    assert turning_points(ticks[:3], q[:3], 25, marks=5, least=0.0) == ()


def test_a_value_that_does_not_last_is_no_turn():
    ticks = np.arange(0, 200, 5)
    spike, dip = np.where(ticks == 60, 0.0, -0.5), np.where((ticks >= 60) & (ticks < 75), -0.9, -0.5)
    assert turning_points(ticks, spike, 25, marks=5, least=0.05) == ()
    assert [round(turn.change, 3) for turn in turning_points(ticks, dip, 25, marks=5, least=0.05)] == [-0.4, 0.4]
    rare = ticks[::5]
    assert turning_points(rare, np.where(rare == 75, -0.9, -0.5), 25, marks=5, least=0.05), "one chunk is long enough"


def test_turns_are_at_least_half_a_std_of_q(timeline):
    assert timeline.turns and all(abs(turn.change) >= LEAST * timeline.q_std for turn in timeline.turns)
    apart = np.diff([timeline.ticks[turn.index] for turn in timeline.turns])
    assert (apart >= made.STEPS).all()


def test_only_proposals_of_the_episode_are_shown(timeline):
    assert timeline.proposed[:, 0].tolist() == [0.2]
    assert timeline.chunk_s == made.STEPS / 50


def test_the_page_is_one_file_that_asks_nobody(timeline, episode, tmp_path):
    file = tmp_path / "q.html"
    save_page(timeline, episode, episode.prompt, "a note", file)
    text = file.read_text()
    assert set(re.findall(r"https?://[\w./]*", text)) == {"http://www.w3.org/2000/svg"}
    assert text.count("</script>") == 1, "a prompt does not end the script"
    data = json.loads(re.search(r"const D = (.*);\n", text)[1])
    assert data["title"] == "put </script> left"
    np.testing.assert_allclose(data["executed"], timeline.estimates.aggregated, atol=1e-4)
    assert len(data["q"]) == 3 and len(data["t"]) == len(data["value"]) == len(data["spread"])
    assert [turn["i"] for turn in data["turns"]] == [turn.index for turn in timeline.turns]
    assert data["arms"][1]["spans"] == [[0.0, 0.16, 0, "Ada"], [0.16, 0.6, 1, "Ada"], [0.6, 1.18, 2, "Ada"]]
    assert len(data["frames"]) == stored.LENGTH and data["aspect"] == pytest.approx(1.5)


def test_the_picture_is_drawn(timeline, episode, tmp_path):
    save_picture(timeline, episode, "title", "note", tmp_path / "q.png")
    assert (tmp_path / "q.png").stat().st_size > 20_000
