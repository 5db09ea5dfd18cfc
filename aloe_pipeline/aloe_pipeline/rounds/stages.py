"""The stages of a round: which command with which words, what it reads, what it leaves, and what it is for."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from aloe_data.bag_folders import bag_files
from aloe_data.episode_index import folders_of_bags
from aloe_data.seeds import HELD_OUT
from aloe_data.sources import DEMO, SOURCES
from aloe_data.verdicts import SIDECAR
from aloe_pipeline.rounds.options import WARM_START, WITH_CRITIC, LoopOptions, RoundOptions
from aloe_pipeline.rounds.plan import Current, Plan
from aloe_pipeline.rounds.results import EpisodeFacts, read_episodes
from aloe_pipeline.rounds.stage import Stage
from aloe_policy.training_state import state_file

RUN = ("ros2", "run")
HERE = (*RUN, "aloe_pipeline", "rounds")
KEEP_GOOD = ("--rule", "binary", "--top", "0.5", "--human", "forced_positive", "--failures", "dropped")
"""The better half by advantage: in a first sketch exp_clip left weight on failures, and did worse (studies/methods)."""
HELPED = "hg_dagger", ("--failures", "dropped")
WON = "filtered_bc", ()
"""What stands in for a critic that failed (docs/rounds.md): demonstrations and corrections that helped did better than
all that led to success, but without demonstrations a policy forgets what it is not shown."""


def collection(plan: Plan, options: LoopOptions, number: int, current: Current) -> Stage:
    """Episodes with the policy in use."""
    earlier = [bag for n in range(1, number) for bag in plan.folder.bags(n).glob("ep_*")]
    record = plan.folder.bags(number)
    done = plan.folder.round(number) / "collected.json"
    asked = {
        "rig": plan.rig_file,
        "policy": current.policy,
        "human": options.human,
        "operator": options.operator,
        "seed": options.seed + len(earlier),
        "timeout_s": options.timeout_s,
    }
    if plan.simulated:
        asked |= {name: getattr(options, name) for name in ("variation", "real_time_factor")}
        asked |= {"task": options.task} if options.task else {}
    asked |= {name: value for name in ("prompt", "n_action_steps") if (value := getattr(options, name))}
    words = ["--record", str(record), "--episodes", str(options.episodes), "--out", str(done)]
    words += ["--again"] * plan.simulated  # a real robot that stopped goes on when a person says so
    command = (*HERE, "collect", *words, *(f"{name}:={value}" for name, value in asked.items()))
    purpose = f"{options.episodes} episodes with {_named(current)} and human:={options.human}"
    return Stage(number, "collect", purpose, command, done, shows=r"episode \d+/\d+ .*|success +\d+ of .*")


def ingest(plan: Plan, number: int, bags: Sequence[Path], current: Current) -> Stage:
    """Bags to training data."""
    given: tuple[str, ...] = ("--folders", *map(str, bags))
    out = plan.folder.round(number) / "episodes.json"
    known = plan.options.store if isinstance(plan.options, LoopOptions) else ""
    given += ("--begin-with", known) if known else ()
    words = (*plan.common, *plan.critic_encoder, "--policy", str(current.policy))
    command = (*HERE, "ingest", *words, *given, "--out", str(out))
    inputs = (*bags, *_verdicts_beside(bags, known), current.policy)
    return Stage(number, "ingest", "bags to training data", command, out, inputs, shows="left out: .*")


def _verdicts_beside(bags: Sequence[Path], store: str) -> list[Path]:
    """Where verdicts are corrected outside of the folders: beside single bags, and beside those of a store."""
    folders = {bag.parent for bag in bags if bag_files(bag)}
    if store:
        folders |= {bag.parent for bag in folders_of_bags(Path(store))}
    return sorted(folder / SIDECAR for folder in folders)


def train_critic(plan: Plan, number: int, current: Current) -> Stage:
    """What the policy's chunks are worth."""
    out = plan.folder.round(number) / "critic"
    here = plan.folder.round(number)
    words = (*plan.common, *plan.chunks, *plan.critic_encoder, "--policy", str(current.policy), "--out", str(out))
    command = (*RUN, "aloe_critic", "train_critic", *words, *_more(plan.options.critic_steps, "critic", plan.options))
    return Stage(
        number,
        "critic",
        f"what chunks of {_named(current)} are worth",
        command,
        out,
        (here / "episodes.json", current.policy),
        _beside(out),
        state_file(out),
        shows="- .*",
    )


def gate(plan: Plan, number: int) -> Stage:
    """Whether the critic may be used."""
    critic = plan.folder.round(number) / "critic"
    out = plan.folder.round(number) / "gate.json"
    words = ("--critic", str(critic), "--out", str(out), *["--force"] * plan.options.force)
    command = (*HERE, "gate", *words, "--failed-critic", plan.options.failed_critic)
    return Stage(number, "gate", "whether that critic can be trusted", command, out, (critic,), shows="the critic .*")


def timelines(plan: Plan, number: int, current: Current) -> Iterator[Stage]:
    """Q along episodes of the newest data that tell most."""
    here = plan.folder.round(number)
    for outcome, bag in examples(read_episodes(here / "episodes.json"), plan.folder.bags(number)).items():
        picture = here / "timelines" / f"{outcome}.png"
        words = (str(bag), "--critic", str(here / "critic"), "--policy", str(current.policy), "--force")
        command = (*RUN, "aloe_critic", "plot", *words, "--out", str(picture))
        inputs = (here / "critic", current.policy, bag)
        page = picture.with_suffix(".html")
        name = f"timeline_{outcome}"
        purpose = f"Q along a {outcome}, {bag.name}"
        yield Stage(number, name, purpose, command, page, inputs, (picture,), needed=False)


def examples(episodes: Sequence[EpisodeFacts], newest: Path) -> dict[str, Path]:
    """The shortest success, if possible without help, and the shortest failure, else episode with a takeover.

    Args:
        episodes: to choose from.
        newest: folder whose episodes are preferred.
    """
    rows = [e for e in episodes if Path(e.bag).parent == newest and bag_files(Path(e.bag))] or list(episodes)
    alone = [e for e in rows if e.verdict == "success" and not e.takeovers]
    found = {"success": alone or [e for e in rows if e.verdict == "success"]}
    failed = [e for e in rows if e.verdict == "failure"]
    found |= {"failure": failed} if failed else {"takeover": [e for e in rows if e.takeovers]}
    return {outcome: Path(min(chosen, key=lambda e: e.length_s).bag) for outcome, chosen in found.items() if chosen}


def without_critic(plan: Plan, number: int) -> tuple[str, tuple[str, ...]]:
    """Method, and words for it, of a round whose critic failed."""
    episodes = read_episodes(plan.folder.round(number) / "episodes.json")
    return HELPED if any(episode.ticks.get(SOURCES[DEMO]) for episode in episodes) else WON


def weights(
    plan: Plan, number: int, current: Current, method: str, words_instead: tuple[str, ...] | None = None
) -> Stage:
    """What each chunk counts; `words_instead`: of those that were asked for, where another method stands in."""
    here = plan.folder.round(number)
    out = plan.folder.round(number) / "weights.npz"
    inputs = [here / "episodes.json", current.policy]
    words = [*plan.common, *plan.chunks, *plan.critic_encoder, "--policy", str(current.policy)]
    words += ["--method", method, "--out", str(out)]
    if method in WITH_CRITIC:
        inputs.append(here / "critic")
        words += ["--critic", str(here / "critic"), *["--force"] * plan.options.force]
    if method == "poco":
        words += ["--stride", "25"]  # its file holds chunks of its own for each that is weighed
    if method == "aloe":
        words += KEEP_GOOD  # what is given comes after, and counts
    words += shlex.split(plan.options.weigh_options) if words_instead is None else words_instead
    command = (*RUN, "aloe_critic", "weigh", *words)
    return Stage(number, "weights", f"how much each chunk counts ({method})", command, out, tuple(inputs))


def actor(plan: Plan, number: int, current: Current) -> Stage:
    """The candidate."""
    out = plan.candidate(number)
    file = plan.folder.round(number) / "weights.npz"
    afresh = isinstance(plan.options, LoopOptions) and plan.options.begin == WARM_START
    policy = plan.policy if afresh else current.policy
    words = (*plan.common, "--policy", str(policy), "--weights", str(file), "--out", str(out))
    words += ("--other-policy",) if afresh else ()
    command = (*RUN, "aloe_policy", "improve", *words, *_more(plan.options.actor_steps, "actor", plan.options))
    judged = *_from(out.parent, "evaluation", 0), *_from(out.parent, "decision", 0)  # another candidate
    leaves = *_beside(out), *judged
    return Stage(number, "actor", "a better policy", command, out, (file, policy), leaves, state_file(out))


def evaluation(plan: Plan, number: int, whose: Current, block: int) -> Stage:
    """Episodes of a policy alone, in scenes that nothing was trained on; kept where the policy was made."""
    options = plan.options
    out = plan.folder.round(whose.round) / f"evaluation_{block}.json"
    first = HELD_OUT.start + block * options.evaluate_episodes
    asked = {"policy": whose.policy, "rig": plan.rig_file, "seeds": f"{first}:{first + options.evaluate_episodes}"}
    asked |= {"variation": options.variation, "timeout-s": options.timeout_s, "processes": options.threads}
    asked |= {"latency-ticks": options.latency_ticks, "json": out} | ({"task": options.task} if options.task else {})
    command = (*RUN, "aloe_pipeline", "evaluate", *plan.chunks, *(f"--{name}={value}" for name, value in asked.items()))
    purpose = f"{options.evaluate_episodes} episodes of {_named(whose)} alone, in held-out scenes"
    name = f"evaluation_{block}" if whose.round == number else f"evaluation_{block}_before"
    later = _from(out.parent, "evaluation", block + 1)
    return Stage(number, name, purpose, command, out, (whose.policy, plan.rig_file), later, shows=r"success \d+ of .*")


def decision(plan: Plan, number: int, current: Current, block: int | None) -> Stage:
    """Whether the candidate is used from now on, by all evaluations up to a block; None: without any."""
    name = f"decision_{block or 0}"
    out = plan.folder.round(number) / f"{name}.json"
    words: tuple[str, ...] = ("--candidate", str(plan.candidate(number)), "--out", str(out))
    inputs = [plan.candidate(number)]
    if block is None:
        words += ("--untested", plan.options.untested)
    else:
        words += ("--confidence", str(plan.options.confidence), "--margin", str(plan.options.margin))
        for key, made_by in (("--evaluated", number), ("--against", current.round)):
            files = [plan.folder.round(made_by) / f"evaluation_{k}.json" for k in range(block + 1)]
            words = (*words, key, *map(str, files))
            inputs = [*inputs, *files]
    command = (*HERE, "decide", *words)
    later = _from(out.parent, "decision", (block or 0) + 1)
    return Stage(number, name, "whether it is used", command, out, tuple(inputs), later, shows=".+")


def _from(folder: Path, name: str, first: int) -> tuple[Path, ...]:
    """NAME_first.json and those after it that are there: they do not hold for what is made anew."""
    files = {file: int(file.stem.rpartition("_")[2]) for file in folder.glob(f"{name}_*.json")}
    return tuple(file for file, number in sorted(files.items()) if number >= first)


def _beside(out: Path) -> tuple[Path, ...]:
    """What a training leaves beside its checkpoint."""
    return state_file(out).parent, out.with_name(f"{out.name}_logs")


def _more(steps: int, part: str, options: RoundOptions) -> tuple[str, ...]:
    given = shlex.split(getattr(options, f"{part}_options"))
    return (*(("--steps", str(steps)) if steps else ()), *given)


def _named(current: Current) -> str:
    return f"the policy of round {current.round}" if current.round else "the first policy"
