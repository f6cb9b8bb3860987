"""The built pages, where ``make docs`` has built them: whole, linked, and readable on a phone."""

from __future__ import annotations

from html.parser import HTMLParser
from itertools import pairwise
from urllib.parse import unquote, urldefrag

import pytest

from tests.benchmarks.leaderboard.browser import CHROMIUM, browsing
from tests.docs.snippets import ROOT

SITE = (ROOT / "docs" / "_build" / "html").resolve()
PAGES = sorted(path for path in SITE.rglob("*.html") if "_static" not in path.parts)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PAGES, reason="needs make docs")]

SEARCH = "search.html"
"""Its heading is written when something is looked for."""

LOOK = """(() => {
  const column = (document.querySelector("article") || document.body).getBoundingClientRect();
  const pictures = [...document.querySelectorAll("article img")];
  const root = document.documentElement;
  return {
    page: Math.max(root.scrollWidth, document.body.scrollWidth),
    wide: pictures.filter(one => one.getBoundingClientRect().right > column.right + 1).map(one => one.src),
    broken: pictures.filter(one => !one.complete || !one.naturalWidth).map(one => one.src),
  };
})()"""


class Page(HTMLParser):
    """What a page has: headings, ids, links, and pictures without words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.mute: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        told = dict(attributes)
        if told.get("id"):
            self.ids.add(told["id"])
        if tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            self.headings.append(int(tag[1]))
        if tag == "a" and told.get("href"):
            self.links.append(told["href"])
        if tag == "img" and not told.get("alt"):
            self.mute.append(told.get("src", ""))


@pytest.fixture(scope="module")
def read():
    return {path: Page(path.read_text(encoding="utf-8")) for path in PAGES}


def test_headings_are_nested_and_pictures_have_words(read):
    for path, page in read.items():
        assert not page.mute, path.name
        levels = page.headings
        assert levels.count(1) == (0 if path.name == SEARCH else 1), path.name
        assert all(after <= before + 1 for before, after in pairwise(levels)), path.name


def test_links_lead_somewhere(read):
    for path, page in read.items():
        for link in page.links:
            target, anchor = urldefrag(link)
            if ":" in target:
                continue
            other = (path.parent / unquote(target)).resolve() if target else path
            assert other.exists(), f"{path.name}: {link}"
            if anchor and other in read:
                assert unquote(anchor) in read[other].ids, f"{path.name}: {link}"


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_pages_fit_a_phone():
    with browsing() as browser:
        for path in PAGES:
            browser.open(path, width=390)
            browser.ask("document.querySelectorAll('img').forEach(one => one.loading = 'eager')")
            browser.wait("[...document.images].every(one => one.complete)")
            look = browser.ask(LOOK)
            assert look == {"page": 390, "wide": [], "broken": []}, path.name
        assert not browser.problems
