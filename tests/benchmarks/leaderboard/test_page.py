"""The page in a real browser: sorting, filtering, stepping, narrow screens, keyboard."""

from __future__ import annotations

import pytest

from benchmarks.leaderboard import __main__ as command
from benchmarks.submit import prepare

from .browser import CHROMIUM, browsing
from .conftest import WORDS

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")

MARKUP = "</script><script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\"><!--"
AGENTS = ("rule-based", "oracle", "no-op", "random")
ENTRIES = "[...document.querySelectorAll('#body th')].map(cell => cell.firstChild.textContent)"
PICTURE = "document.getElementById('picture')"
CHOOSE = (
    "(() => {{ const e = document.getElementById('{}'); e.value = '{}'; e.dispatchEvent(new Event('change')); }})()"
)
HEAD = "[...document.querySelectorAll('#head th')].map(cell => cell.textContent.replace(/[▲▼]/g, '').trim())"
STATE = "[document.getElementById('moment').textContent, document.getElementById('task').value]"


@pytest.fixture(scope="module")
def site(runs, suite, suite_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    for name in AGENTS:
        told = WORDS | {"name": name, "description": MARKUP, "training": MARKUP}
        assert prepare(runs(name), folder / "entries" / name, told, suite, pictures=False).holds
    words = ["build", str(folder / "entries"), "--season", str(suite_file), "--out", str(folder / "site")]
    assert command.main(words) == 0
    return folder / "site"


@pytest.fixture(scope="module")
def browser():
    with browsing() as page:
        yield page


@pytest.fixture
def page(browser, site):
    browser.problems.clear()
    browser.open(site / "index.html")
    browser.wait(f"{PICTURE}.complete && {PICTURE}.naturalWidth > 0")
    yield browser
    assert browser.problems == []


def test_entries_stand_with_the_best_first(page):
    found = page.ask(ENTRIES)
    assert found[0] == "oracle" and set(found) == set(AGENTS)
    head = "document.querySelector('#head [aria-sort]')"
    assert page.ask(f"[{head}.textContent.trim(), {head}.getAttribute('aria-sort')]") == ["score ▼", "descending"]


def test_clicks_sort(page):
    first = page.ask(ENTRIES)
    page.click("#head th:nth-child(3) button")
    assert page.ask(ENTRIES) != first
    scores = "[...document.querySelectorAll('#body td:nth-child(3)')].map(cell => Number(cell.firstChild.textContent))"
    assert page.ask(scores) == sorted(page.ask(scores))
    page.click("#head th:nth-child(1) button")
    assert page.ask(ENTRIES) == sorted(AGENTS)
    assert page.ask("document.querySelectorAll('#head [aria-sort]').length") == 1
    page.click("#head th:nth-child(2) button")
    assert page.ask(ENTRIES)[-1] == "oracle"  # not ranked


def test_the_keyboard_sorts_and_keeps_its_place(page):
    page.ask("document.querySelector('#head th:nth-child(1) button').focus()")
    page.press("Enter")
    assert page.ask(ENTRIES) == sorted(AGENTS)
    assert page.ask("document.activeElement.textContent").startswith("entry")
    page.press("Tab")
    assert page.ask("document.activeElement.textContent").startswith("rank")


def test_filters_by_name_privilege_and_tasks(page):
    page.click("#filter")
    page.type("RAN")
    assert page.ask(ENTRIES) == ["random"]
    assert page.ask("document.getElementById('count').textContent") == "1 of 4 entries"
    page.ask("document.getElementById('filter').value = ''")
    page.click("#privileged")
    assert set(page.ask(ENTRIES)) == set(AGENTS) - {"oracle"}
    page.ask(CHOOSE.format("group", "split/test-long"))
    row = page.ask(HEAD)
    assert row == ["entry", "rank", "score", "success", "tasks", "level"]
    assert page.ask("document.querySelector('#body td:nth-child(5)').textContent") == "2"


def test_columns_are_chosen(page):
    shown = {}
    for view in ("overview", "profile", "costs", "all"):
        page.ask(CHOOSE.format("view", view))
        shown[view] = page.ask(HEAD)
        assert page.ask("document.querySelectorAll('#body tr:first-child > *').length") == len(shown[view])
    assert {"E", "P", "Q", "judge gap"} <= set(shown["overview"]) and "> 0.5" in shown["profile"]
    assert {"tool calls", "judge calls", "seconds"} <= set(shown["costs"]) and "> 0.5" not in shown["costs"]
    assert set().union(*shown.values()) == set(shown["all"])
    assert all(columns[:3] == ["entry", "rank", "score"] and columns[-1] == "level" for columns in shown.values())
    assert page.ask("document.querySelector('#body td:last-child').textContent") == "level 3"


def test_pairs_are_of_scores_or_of_successes(page):
    cell = "document.querySelector('#pairs td:nth-child(3)').textContent"
    caption = "document.getElementById('pairs-caption').textContent"
    assert "," in page.ask(cell) and "scores" in page.ask(caption)
    page.ask(CHOOSE.format("measure", "success"))
    assert "," not in page.ask(cell) and "McNemar" in page.ask(caption)


def test_arrow_keys_step_through_episodes(page):
    page.ask("document.activeElement.blur()")
    last = page.ask(STATE)
    assert last[0].startswith("After step") and last[1] == "0"
    page.press("ArrowLeft")
    assert page.ask(STATE) != last
    for _ in range(9):
        page.press("ArrowLeft")
    assert page.ask(STATE) == ["Source picture", "0"]
    source = page.ask(f"{PICTURE}.src")
    page.press("ArrowRight")
    assert page.ask(STATE)[0].startswith("After step 1") and page.ask(f"{PICTURE}.src") != source
    assert page.ask("document.querySelectorAll('#plan [aria-current=step]').length") == 1
    page.press("ArrowRight", shift=True)
    assert page.ask(STATE)[1] == "1"
    page.press("ArrowLeft", shift=True)
    page.press("ArrowLeft", shift=True)
    assert page.ask(STATE)[1] == "0"
    assert page.ask("document.getElementById('previous').getAttribute('aria-disabled')") == "true"


def test_other_entries_are_fetched_without_a_server(page):
    page.ask(CHOOSE.format("entry", 3))
    page.wait("Object.keys(received).length === 2")
    page.wait(f"{PICTURE}.complete && {PICTURE}.naturalWidth > 0")
    assert page.ask(f"{PICTURE}.alt").split(", ")[1] == page.ask("board.rows[3].name")
    page.ask(CHOOSE.format("split", "test-long"))
    assert page.ask("document.querySelectorAll('#task option').length") == 2 and page.ask(STATE)[1] == "4"
    page.click("#next")
    assert page.ask(STATE)[1] == "5"


def test_a_narrow_screen_scrolls_only_the_tables(browser, site):
    browser.open(site / "index.html", width=360, height=740)
    browser.wait(f"{PICTURE}.naturalWidth > 0")
    assert browser.ask("document.documentElement.scrollWidth <= innerWidth")
    wide = "document.querySelector('.scroll')"
    assert browser.ask(f"{wide}.scrollWidth > {wide}.clientWidth")
    small = browser.ask(
        "[...document.querySelectorAll('.button, select, input[type=search], thead button')]"
        ".filter(e => e.offsetParent && e.getBoundingClientRect().height < 43).length"
    )
    assert small == 0


def test_everything_that_can_be_used_has_a_name(page):
    nameless = page.ask(
        "[...document.querySelectorAll('button, select, input, [role=region], svg[role=img]')].filter(e => "
        "!(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.[0]?.textContent.trim() || "
        "document.getElementById(e.getAttribute('aria-labelledby'))?.textContent)).length"
    )
    assert nameless == 0
    assert page.ask("document.documentElement.lang") == "en"
    assert page.ask("[...document.images].every(image => image.alt)")


def test_words_of_strangers_stay_words(page):
    assert page.ask("document.title") == "imgedit-gym: leaderboard"
    told = page.ask("document.getElementById('about').textContent")
    assert MARKUP in told and "Zoë Müller (zoe@example.org)" in told
    assert page.ask("document.querySelector('#about a').href") == "https://example.org/rules"
    assert page.ask("document.querySelectorAll('#about *').length") == 1
    # nothing is asked of any other place
    assert page.ask("performance.getEntriesByType('resource').every(one => one.name.startsWith('file:'))")
