"""What README, docs, studies and cards of assets say: links lead somewhere, and the commands in them exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [ROOT / "README.md", *(path for room in ("docs", "studies", "assets") for path in (ROOT / room).rglob("*.md"))]
)
named = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def anchors(page: Path) -> set[str]:
    """Headings of a page as links name them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def commands_of(package: str) -> set[str]:
    """Commands that a package installs."""
    return set(re.findall(r'"(\w+) = aloe_', (ROOT / package / "setup.py").read_text()))


def broken_links(page: Path) -> Iterator[str]:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if link.startswith("http"):
            continue
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            yield link


def unknown_commands(page: Path) -> Iterator[str]:
    text = page.read_text()
    for package, command in re.findall(r"ros2 run (aloe_\w+) (\w+)", text):
        if command not in commands_of(package):
            yield f"{package} {command}"
    for file in re.findall(r"ros2 launch aloe_bringup (\S+\.py)", text):
        if not (ROOT / "launch" / file).exists():
            yield file
    for file in re.findall(r"(?:python|env) ((?:bench|docs|assets)/\S+\.(?:py|sh))", text):
        if not (ROOT / file).exists():
            yield file
    for module in re.findall(r"python -m (studies\.[\w.]+)", text):
        if not (ROOT / module.replace(".", "/")).with_suffix(".py").exists():
            yield module


@named
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    assert not list(broken_links(page))


@named
def test_commands_that_a_page_names_exist(page: Path) -> None:
    assert not list(unknown_commands(page))
