"""The page about a run: what came out of each round, why, and how long it took; made from the run folder alone."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from string import Template

import numpy as np

from aloe_critic.health import Gates
from aloe_data.durable import replacing
from aloe_pipeline.rounds.history import Round, in_use, read_rounds
from aloe_pipeline.rounds.results import Rate, collected, read_gate
from aloe_pipeline.rounds.run_folder import BEGUN, DONE, RunFolder
from aloe_pipeline.rounds.svg import BLUE, GREEN, ORANGE, Point, bars, curve

SOURCES = {"demo": GREEN, "autonomous": BLUE, "human": ORANGE}
PALETTE = ("#1f77b4", "#aec7e8", "#ff7f0e", "#ffbb78", "#2ca02c", "#98df8a", "#9467bd", "#c5b0d5", "#8c564b", "#c49c94")
WIDTH = 1150
AT_MOST = ("out_of_bounds", "bias")  # gates that are upper bounds
_TEMPLATE = Path(__file__).with_name("report.html")


def write_report(folder: RunFolder) -> None:
    """Make the page anew.

    Raises:
        ConfigError: a file of the run folder is damaged.
    """
    rounds = read_rounds(folder)
    facts = folder.facts
    title = " ".join(str(facts[name]) for name in ("task", "method") if facts.get(name))
    title = f"{title or 'improvement'} on {facts['rig']}"
    parts = [_headline(rounds), _curves(rounds), _rounds(rounds), _deployed(folder, rounds), _data(rounds)]
    parts += [_critics(folder, rounds), _timelines(folder, rounds), _weights(rounds), _times(rounds)]
    text = Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(title), note=escape(_state(folder)), body="\n".join(part for part in parts if part)
    )
    with replacing(folder.report) as file:
        file.write(text.encode())


def _state(folder: RunFolder) -> str:
    records = list(folder.records().values())
    total = f"{folder.path}; {sum(r.seconds for r in records) / 60:.1f} minutes of work so far"
    if not records:
        return f"{folder.path}; nothing is done yet"
    last = max(records, key=lambda record: record.stamp_s)
    when = f"{datetime.fromtimestamp(last.stamp_s):%Y-%m-%d %H:%M:%S}"
    said = {BEGUN: "under way since", DONE: "done at"}.get(last.event, f"{last.event} at")
    where = f"round {last.round}, {last.name}" if last.round else last.name
    return f"{total}. {where}: {said} {when}"


def _headline(rounds: Sequence[Round]) -> str:
    used = in_use(rounds)[-1][1]
    first = rounds[0].alone
    now = used.alone
    if first is None or now is None:
        return ""
    if used.number == 0:
        return f'<p class="big">Success {first}; no candidate was better so far.</p>'
    return f'<p class="big">Success {first} &rarr; {now}, by the policy of {used.label}.</p>'


def _curves(rounds: Sequence[Round]) -> str:
    labels = {one.number: one.label for one in rounds}
    used = in_use(rounds)
    told = {one.number: one.alone for one in rounds if one.alone is not None}
    drawn = []
    if told:
        taken = {last.number for _, last in used}
        points = [Point(n, rate.share, *rate.interval, n in taken, f"{labels[n]}: {rate}") for n, rate in told.items()]
        line = [(one.number, last.alone.share) for one, last in used if last.alone is not None]
        drawn.append(_figure(curve(points, line, labels, "success alone", (760, 330), True), _SUCCESS, "most"))
        throughput = [
            Point(n, rate.per_hour, rate.per_hour, rate.per_hour, n in taken, f"{rate.per_hour:.0f}/h")
            for n, rate in told.items()
        ]
        line = [(one.number, last.alone.per_hour) for one, last in used if last.alone is not None]
        drawn.append(_figure(curve(throughput, line, labels, "successes per hour", (370, 330)), _THROUGHPUT, "third"))
    rounds = [one for one in rounds if one.new]
    if rounds:
        points = [_takeovers(one) for one in rounds]
        line = [(p.x, p.y) for p in points]
        drawn.append(_figure(curve(points, line, labels, "takeovers per episode", (370, 250)), _TAKEOVERS, "third"))
        points = [
            Point(one.number, rate.share, *rate.interval, tip=f"{one.label}: {rate}")
            for one, rate in ((one, _unaided(one)) for one in rounds)
        ]
        line = [(p.x, p.y) for p in points]
        drawn.append(_figure(curve(points, line, labels, "without help", (370, 250), True), _UNAIDED, "third"))
    return f'<div class="row">{"".join(drawn)}</div>'


_SUCCESS = (
    "Success of each round's policy alone, in held-out scenes, with 95 % Wilson intervals. The line is the policy in "
    "use; hollow: a candidate that was not taken."
)
_THROUGHPUT = "Throughput: successes per hour of motion, alone, resets not counted."
_TAKEOVERS = "While collecting: takeovers per episode, mean and 95 % interval."
_UNAIDED = "While collecting: episodes that succeeded without any help, of all."


def _takeovers(one: Round) -> Point:
    counts = np.array([episode.takeovers for episode in one.new], dtype=float)
    mean = float(counts.mean())
    half = 1.96 * float(counts.std()) / len(counts) ** 0.5
    return Point(one.number, mean, max(0.0, mean - half), mean + half, tip=f"{one.label}: {mean:.2f}")


def _unaided(one: Round) -> Rate:
    helped = sum(e.takeovers > 0 and e.verdict == "success" for e in one.new)
    all_of = collected(one.new)
    return Rate(all_of.successes - helped, all_of.trials, all_of.seconds)


def _rounds(rounds: Sequence[Round]) -> str:
    rows = []
    for one in rounds:
        with_help = collected(one.new)
        rows.append(
            [
                one.label,
                str(one.alone) if one.alone else "",
                f"{one.alone.per_hour:.0f}" if one.alone else "",
                str(len(one.new) or ""),
                str(with_help) if one.new else "",
                f"{with_help.per_hour:.0f}" if one.new else "",
                f"{_takeovers(one).y:.2f}" if one.new else "",
                f"{sum(one.seconds.values()) / 60:.1f}",
            ]
        )
    head = ["", "its policy alone", "per hour", "collected", "with help", "per hour", "takeovers", "minutes"]
    return "<h2>Rounds</h2>" + _table(head, rows)


def _deployed(folder: RunFolder, rounds: Sequence[Round]) -> str:
    rows = []
    for one in rounds:
        if one.decision is not None:
            mark = '<span class="good">taken</span>' if one.decision.taken else '<span class="bad">not taken</span>'
            policy = str(Path(one.decision.candidate).relative_to(folder.path))
            rows.append([_when(one.decision.stamp_s), escape(policy), mark, escape(one.decision.reason)])
    return "<h2>Deployed</h2>" + _table(["when", "candidate", "", "why"], rows) if rows else ""


def _data(rounds: Sequence[Round]) -> str:
    rows = {one.label: _minutes(one) for one in rounds if one.episodes}
    if not rows:
        return ""
    drawn = bars(rows, SOURCES, "minutes", WIDTH)
    return f"<h2>Data that each round learned from, by who acted</h2>{drawn}"


def _minutes(one: Round) -> dict[str, float]:
    minutes = dict.fromkeys(SOURCES, 0.0)
    for episode in one.episodes:
        per_tick = episode.length_s / 60 / max(1, sum(episode.ticks.values()))
        for source, ticks in episode.ticks.items():
            minutes[source] += ticks * per_tick
    return minutes


def _critics(folder: RunFolder, rounds: Sequence[Round]) -> str:
    judged = [one for one in rounds if one.critic]
    if not judged:
        return ""
    rows = []
    for name in judged[0].critic["health"]:
        cells = [_health(one.critic["health"], name) for one in judged]
        rows.append([name, f"{getattr(Gates(), name):g}" if hasattr(Gates(), name) else "", *cells])
    verdicts = ['<span class="good">passed</span>' if one.critic["passed"] else _failed(folder, one) for one in judged]
    rows.append(["", "", *verdicts])
    head = ["held-out episodes", "gate", *(one.label for one in judged)]
    pictures = [(one, folder.round(one.number) / "critic" / "health.png") for one in judged]
    shown = [_picture(file, one.label, "half") for one, file in pictures if file.exists()]
    return f"<h2>Health of the critics</h2>{_table(head, rows)}" + f'<div class="row">{"".join(shown)}</div>'


def _failed(folder: RunFolder, one: Round) -> str:
    gate = folder.round(one.number) / "gate.json"
    said = "failed"
    if gate.exists():
        said += ", used all the same" if read_gate(gate).used else ", not used"
    return f'<span class="bad" title="{escape("; ".join(one.critic["judgement"]))}">{said}</span>'


def _health(health: Mapping[str, float], name: str) -> str:
    value = health[name]
    bound = getattr(Gates(), name, None)
    missed = bound is not None and not (abs(value) <= bound if name in AT_MOST else value >= bound)
    return f'<span class="bad">{value:.3f}</span>' if missed else f"{value:.3f}"


def _timelines(folder: RunFolder, rounds: Sequence[Round]) -> str:
    links = []
    shown = ""
    for one in rounds:
        pages = sorted((folder.round(one.number) / "timelines").glob("*.html"))
        links += [f'<a href="{page.relative_to(folder.path)}">{one.label}, {page.stem}</a>' for page in pages]
        pictures = [page.with_suffix(".png") for page in pages]
        shown = "".join(_picture(p, f"{one.label}, {p.stem}", "whole") for p in pictures if p.exists()) or shown
    return f"<h2>Q along an episode</h2><p>{' · '.join(links)}</p>{shown}" if links else ""


def _weights(rounds: Sequence[Round]) -> str:
    rows = [
        [
            one.label,
            f"{one.weights['positive']} of {one.weights['chunks']}",
            f"{one.weights['effective_sample_size']:.2f}",
            f"{100 * one.weights['clipped']:.0f} %",
            *(f"{100 * one.weights['share'][source]:.0f} %" for source in SOURCES),
        ]
        for one in rounds
        if one.weights
    ]
    head = ["", "chunks that count", "effective sample size", "at the clip", *(f"weight on {s}" for s in SOURCES)]
    return "<h2>Weights of the policy's training</h2>" + _table(head, rows) if rows else ""


def _times(rounds: Sequence[Round]) -> str:
    rows = {one.label: {kind: s / 60 for kind, s in one.seconds.items()} for one in rounds if one.seconds}
    kinds = list(dict.fromkeys(kind for row in rows.values() for kind in row))
    colours = {kind: PALETTE[k % len(PALETTE)] for k, kind in enumerate(kinds)}
    return "<h2>Where the time went</h2>" + bars(rows, colours, "minutes", WIDTH) if rows else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return "<table><tr>" + "".join(f"<th>{escape(name)}</th>" for name in head) + f"</tr>{lines}</table>"


def _figure(drawing: str, words: str, size: str) -> str:
    return f'<figure class="{size}">{drawing}<figcaption>{words}</figcaption></figure>'


def _picture(file: Path, words: str, size: str) -> str:
    data = base64.b64encode(file.read_bytes()).decode()
    return _figure(f'<img alt="{escape(words)}" src="data:image/png;base64,{data}">', escape(words), size)


def _when(stamp_s: float) -> str:
    return f"{datetime.fromtimestamp(stamp_s):%Y-%m-%d %H:%M}"
