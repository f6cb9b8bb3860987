"""The page in a real browser: clicking, keyboard, narrow screens."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time

import pytest

from imgedit_gym.trajectory import read_trajectories
from tests.benchmarks.leaderboard.browser import CHROMIUM, browsing

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

SECONDS = 120
MARKED = """(() => {
  const mask = document.getElementById("mask"), context = document.createElement("canvas").getContext("2d");
  if (getComputedStyle(mask).opacity !== "1" || !mask.complete || mask.naturalWidth !== 64) return false;
  context.drawImage(mask, 0, 0);
  return context.getImageData(0, 0, 64, 64).data.some((value, at) => at % 4 === 3 && value > 0);
})()"""
"""Whether the chosen region is marked on the picture."""


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("page") / "kept.jsonl"


@pytest.fixture(scope="module")
def address(kept):
    words = [sys.executable, "-m", "imgedit_gym.play", "--port", "0", "--seed", "6", "--image-size", "64"]
    with subprocess.Popen([*words, "--out", str(kept)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            yield _said(process)
        finally:
            process.terminate()
            process.wait(SECONDS)


def _said(process: subprocess.Popen) -> str:
    """The address that the command prints."""
    assert process.stdout is not None
    said, until = b"", time.monotonic() + SECONDS
    while not (found := re.search(rb"http://\S+", said)):
        assert select.select([process.stdout], [], [], max(0, until - time.monotonic()))[0], said
        some = os.read(process.stdout.fileno(), 4096)
        assert some, said
        said += some
    return found[0].decode()


@pytest.fixture(scope="module")
def browser():
    with browsing() as found:
        yield found


def opened(browser, address, width=1280):
    browser.problems.clear()
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
    browser.call("Page.navigate", url=address)
    loaded = "document.readyState === 'complete' && typeof state === 'object' && state !== null"
    browser.wait(f"{loaded} && document.querySelectorAll('#grid button').length === 64")
    browser.ask("ask('/start', {seed: 6})")
    browser.wait("state.seed === 6 && state.step === 0 && !document.getElementById('apply').disabled")
    return browser


@pytest.fixture
def page(browser, address):
    yield opened(browser, address)
    assert browser.problems == []


def test_an_episode_is_clicked_through_and_saved(page, kept):
    steps = page.ask("state.plan.length")
    for step in range(steps):
        page.click("#tools input[value=fill_smooth]")
        page.click("#grid button[data-region='28']")
        page.wait(MARKED)
        page.click("#apply")
        page.wait(f"state.step === {step + 1}")
    page.wait("document.getElementById('said').textContent.includes('The plan is done')")
    assert page.ask("document.getElementById('apply').disabled")
    page.click("#save")
    page.wait("document.getElementById('said').textContent.startsWith('Saved')")
    assert [step["tool"] for step in read_trajectories(kept)[-1].steps] == ["fill_smooth"] * steps
    page.click("#undo")
    page.wait(f"state.step === {steps - 1}")
    page.click("#next")
    page.wait("state.seed === 7")


def test_a_region_is_asked_for(page):
    page.click("#tools input[value=fill_flat]")
    page.click("#apply")
    page.wait("document.getElementById('said').textContent.startsWith('Choose a region first')")
    assert page.ask("state.step") == 0


def test_the_keyboard_is_enough(page):
    page.ask("document.querySelector('#grid button[tabindex=\"0\"]').focus()")
    page.press("ArrowRight")
    page.press("ArrowRight")
    assert page.ask("document.activeElement.dataset.region") == "3"
    assert page.ask("document.getElementById('where').textContent") == "Region 3: row 0, column 2"
    page.ask("document.querySelector('#tools input:checked').focus()")
    before = page.ask("tool")
    page.press("ArrowRight")
    page.wait(f"tool !== {before!r}")
    page.ask("document.getElementById('apply').focus()")
    page.press("Enter")
    page.wait("state.step === 1")


def test_a_narrow_screen_needs_no_sideways_scrolling(browser, address):
    page = opened(browser, address, width=360)
    assert page.ask("document.documentElement.scrollWidth") <= 360
    assert page.problems == []
