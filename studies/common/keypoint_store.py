"""Episodes without pictures (`keypoint_world.py`) in stores, as ingested bags would be."""

import contextlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aloe_data.durable import append_line, put_in_place
from aloe_data.episode_store import EpisodeStore
from aloe_data.feature_store import FeatureStore
from aloe_data.frames import Episode, EpisodeFacts, Words
from aloe_policy.ros.policy_store import StoreConfig, matching_policy, open_store
from studies.common.keypoint_world import CAMERA_TICKS, Outcome, Recording, World, load_with_encoder


def copy_store(before: Path, to: Path, count: int = 0, seed: int = 0) -> None:
    """A store like another; with a count only so many of its episodes.

    Args:
        before: Folder of the store to copy; it is left as it is.
        to: Folder of the copy; it is replaced if it is there.
        count: Number of episodes to keep; 0: all.
        seed: Seed by which they are chosen.
    """
    draft = to.with_name(f"{to.name}.copying")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(before, draft)
    if count:
        lines = (draft / "episodes.jsonl").read_text().splitlines(keepends=True)
        chosen = np.random.default_rng(seed).choice(len(lines), min(count, len(lines)), replace=False)
        kept = [lines[k] for k in np.sort(chosen)]  # what the list does not name does not exist
        (draft / "episodes.jsonl").write_text("".join(kept))
    put_in_place(draft, to)


def collect(
    world: World, policy: Path, files: StoreConfig, scenes: range, label: str, log: Path, before: Path
) -> list[Outcome]:
    """Roll episodes of a policy, with the world's person beside it, into a store; go on where it was stopped.

    Args:
        world: World in which episodes are rolled.
        policy: Folder of the checkpoint that acts.
        files: Store, and a policy whose encoder is that of the store.
        scenes: Seeds of the scenes.
        label: Beginning of the episodes' names.
        log: File with a line per episode, see `read_log`.
        before: Folder of the store that this one begins as.
    """
    if not log.exists():
        copy_store(before, Path(files.store))
        log.touch()
    store, features = open_store(files, matching_policy(files, world.rig))
    outcomes = {outcome.seed: outcome for outcome in read_log(log)}
    for scene in scenes:
        if scene not in outcomes:
            recording = Recording()
            driver = load_with_encoder(str(policy), world.rig, world.encoder, scene)
            outcomes[scene] = world.roll(scene, driver, recording, human=True)
            keep(recording, outcomes[scene], f"{label}_{scene}", store, features)
            append_line(log, json.dumps(asdict(outcomes[scene])))
            print(f"collected {len(outcomes)}: {outcomes[scene]}", flush=True)
    return [outcomes[scene] for scene in scenes]


def read_log(log: Path) -> list[Outcome]:
    """The outcomes that `collect` has written; a line that a crash has torn is none."""
    outcomes = []
    for line in log.read_text().splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            outcomes.append(Outcome(**json.loads(line)))
    return outcomes


def keep(recording: Recording, outcome: Outcome, name: str, store: EpisodeStore, features: FeatureStore) -> None:
    """Add an episode to a store, with what was seen as its features."""
    ticks = recording.ticks
    rig = store.rig
    count = len(ticks)
    cameras = len(rig.cameras)
    views = np.stack(recording.views)  # [F, C, K, 3]
    facts = EpisodeFacts(name, outcome.prompt, outcome.seed, outcome.verdict, outcome.reason, "sim")
    silent = Words(("",), np.zeros((count, len(rig.arms)), np.int32))

    def joints(kind: str) -> NDArray[np.float32]:
        return np.array([np.concatenate([getattr(a, kind) for a in t.arms]) for t in ticks], np.float32)

    episode = Episode(
        facts=facts,
        rig=rig,
        stamps_ns=np.array([t.stamp_ns for t in ticks], np.int64),
        ticks=np.array([t.tick for t in ticks], np.int64),
        state=np.stack(recording.states[:count]),
        observed=np.ones(count, bool),
        frames={camera.name: np.zeros((len(views), 0, 0, 3), np.uint8) for camera in rig.cameras},
        frame_index=np.repeat(np.arange(count)[:, None] // CAMERA_TICKS, cameras, axis=1),
        requested=joints("requested"),
        executed=joints("executed"),
        source=np.array([[int(a.source) for a in t.arms] for t in ticks], np.uint8),
        operator=silent,
        reason=silent,
        clip=silent,
        chunk_id=np.array([t.chunk_id for t in ticks], np.int64),
        step=np.array([t.step for t in ticks], np.int64),
        policy_version=tuple(t.policy_version for t in ticks),
    )
    stored = store.append(episode, name, name)
    features.write(stored, np.concatenate(list(views.swapaxes(0, 1))))
