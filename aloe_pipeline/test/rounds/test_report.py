"""The page holds the figures of the run folder, whatever is there so far, and needs nothing else."""

import re
from html.parser import HTMLParser

import made_run as made
import pytest

from aloe_pipeline.rounds.options import LoopOptions
from aloe_pipeline.rounds.order import loop
from aloe_pipeline.rounds.report import write_report

OPTIONS = LoopOptions(rounds=3, episodes=3, evaluate_at_most=50)
VOID = ("meta", "img", "!doctype")


class Balanced(HTMLParser):
    """Every element that is opened is closed."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The page at every step of a made-up run."""
    plan = made.begin(made.make_plan(tmp_path_factory.mktemp("report"), OPTIONS))
    pages = []

    def after():
        write_report(plan.folder)
        pages.append(plan.folder.report.read_text())

    runner = made.Pretender(plan, (0.34, 0.6, 0.5, 0.8), ("promote", "keep", "promote"), after)
    runner.run(loop(plan, OPTIONS))
    return pages


def test_it_is_whole_after_every_stage_and_needs_no_network(pages):
    assert len(pages) > 25
    for page in pages:
        parser = Balanced()
        parser.feed(page)
        assert parser.open == []
        assert not re.search(r"https?://|<script|<link", page)
        assert "$" not in page


def test_the_figures_are_in_it(pages):
    page = pages[-1]
    for figure in (
        "Success 34 % (17 of 50, 22 to 48 %) &rarr; 80 % (40 of 50, 67 to 89 %), by the policy of round 3",
        "60 % (30 of 50, 46 to 72 %)",  # a round's policy alone
        "<td>216</td>",  # its successes per hour: 30 in 50 episodes of 10 s
        "67 % (2 of 3, 21 to 94 %)",  # with help
        "<td>0.67</td>",  # takeovers per episode
        '<span class="good">taken</span>',
        '<span class="bad">not taken</span>',
        "30 of 50 against 20",  # why
        '<span class="bad">0.500</span>',  # a gate that was missed
        "<td>0.823</td>",
        "77 of 120",
        "<td>0.27</td>",
        'href="round_1/timelines/success.html"',
        "data:image/png;base64,",
    ):
        assert figure in page, figure


def test_a_critic_that_failed_is_red_with_its_reason_and_whether_it_was_used(tmp_path):
    plan = made.begin(made.make_plan(tmp_path, OPTIONS))
    made.Pretender(plan, (0.34, 0.6, 0.5, 0.8), ("promote",) * 3, trusted=False).run(loop(plan, OPTIONS))
    write_report(plan.folder)
    assert '<span class="bad" title="it ignores the action">failed, not used</span>' in plan.folder.report.read_text()


def test_it_says_where_the_run_stands(pages):
    assert "nothing is done yet" in pages[0]
    assert "evaluation_0: under way since" in pages[1]
    assert any("round 1, collect: done at" in page for page in pages)


def test_a_candidate_that_was_not_taken_is_hollow_and_the_line_stays(pages):
    success = re.search(r"<svg.*?</svg>", pages[-1])[0]
    assert re.findall(r'<circle [^>]*fill="(#\w+)"', success) == ["#1f77b4", "#1f77b4", "#fff", "#1f77b4"]
    heights = [point.split(",")[1] for point in re.search(r'points="([^"]*)"', success)[1].split()]
    assert heights[1] == heights[2] != heights[3]
