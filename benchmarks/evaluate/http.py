"""An agent behind an HTTP server of the user's own: pictures and words go out as JSON, plans and actions come back."""

from __future__ import annotations

import base64
import importlib
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from baselines.agents.base import AgentContext
from benchmarks.evaluate.failures import FallibleAgent
from benchmarks.strict_json import decode, parse
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import PICTURE, Plan, PlanStep, parse_plan
from imgedit_gym.models.pictures import png_of

PROTOCOL = 1
MAX_REPLY = 4 << 20
"""Bytes of a reply at most."""

PAUSE = 0.5
"""Seconds before a request is made again; doubled each time."""


class HttpAgent(FallibleAgent):
    """Asks ``POST {url}`` for plans, then for an action at every step.

    A request is ``{"protocol": 1, "ask": "plan" | "act", "tools": [ids], "regions": n, "max_plan_steps": n, "episodes":
    [...]}``. An episode has ``image`` (PNG in base 64) and ``instruction``, and for ``act`` also ``plan`` (lines),
    ``step`` (index of the plan's step) and ``allowed`` (ids of tools that can do something with it).

    The reply is ``{"plans": [...]}``: for each episode lines of text, one a step, or null to leave the instruction as
    the only step; or ``{"actions": [[tool id, region], ...]}``. In the place of either, ``{"refused": "why"}`` says
    that the agent does not go on with the episode, which then counts as failed; so does one without a usable reply.

    Args:
        url: Address, ``http://`` or ``https://``.
        timeout: Seconds until a request is given up.
        retries: How often a request is made again that failed by time-out, a broken connection, 429 or 5xx.
        at_once: Episodes in one request.
        key_env: Environment variable with a key that is sent as a bearer token, if it is set.

    Raises:
        ImgEditError: If an argument is not what is expected, or the HTTP client is not installed.
    """

    def __init__(
        self, url: str, timeout: float = 60.0, retries: int = 2, at_once: int = 16, key_env: str = "AGENT_API_KEY"
    ) -> None:
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise ImgEditError(f"url must begin with http:// or https://; found {url!r}")
        for name, value, least in (("timeout", timeout, 1e-3), ("retries", retries, 0), ("at_once", at_once, 1)):
            if isinstance(value, bool) or not isinstance(value, (int, float)) or value < least:
                raise ImgEditError(f"{name} must be a number of at least {least}; found {value!r}")
        self._url, self._timeout, self._retries, self._at_once = url, timeout, int(retries), int(at_once)
        key = os.environ.get(key_env, "")
        self._http = _http_library()
        # proxies of the environment are for the internet, not for a server of one's own
        self._client = self._http.Client(
            timeout=timeout, trust_env=False, headers={"Authorization": f"Bearer {key}"} if key else {}
        )

    def begin(self, context: AgentContext) -> None:
        """Forget the failures of the last batch."""
        super().begin(context)
        self.failures = {}

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def plan(self, images: np.ndarray, instructions: Sequence[str]) -> Sequence[Plan] | None:
        """Plans by the server; the instruction alone where it gives none."""
        plans: list[Plan] = [(PlanStep("edit", PICTURE, text),) for text in instructions]
        asked = [
            (row, {"image": _packed(image), "instruction": text})
            for row, (image, text) in enumerate(zip(images, instructions, strict=True))
        ]
        for row, said in self._ask("plan", "plans", asked):
            if said is not None:
                try:
                    plans[row] = parse_plan(_lines(said), self.context.max_plan_steps)
                except ImgEditError as error:
                    self.failures[row] = f"no plan: {error}"
        return plans

    def act(self, observations: dict[str, np.ndarray], infos: dict[str, Any]) -> np.ndarray:
        """Actions by the server; ``skip`` in episodes that have failed."""
        actions = np.zeros((len(observations["image"]), 2), dtype=np.int64)
        asked = [
            (row, self._episode(row, observations, infos))
            for row in np.flatnonzero(infos["active"]).tolist()
            if row not in self.failures
        ]
        for row, said in self._ask("act", "actions", asked):
            problem = self._problem(said)
            if problem:
                self.failures[row] = problem
            else:
                actions[row] = self.context.tool_ids.index(said[0]), said[1]
        return actions

    def _episode(self, row: int, observations: dict[str, np.ndarray], infos: dict[str, Any]) -> dict[str, Any]:
        allowed = np.flatnonzero(infos["tool_mask"][row]).tolist()
        return {
            "image": _packed(observations["image"][row]),
            "instruction": infos["instruction"][row],
            "plan": [step.text for step in infos["plan"][row]],
            "step": int(infos["plan_index"][row]),
            "allowed": [self.context.tool_ids[tool] for tool in allowed],
        }

    def _problem(self, said: Any) -> str:
        if not isinstance(said, list) or len(said) != 2:
            return "no action: expected [tool id, region]"
        tool, region = said
        if tool not in self.context.tool_ids:
            return "no action: unknown tool"
        if type(region) is not int or not 0 <= region < self.context.n_regions:
            return f"no action: expected a region below {self.context.n_regions}"
        return ""

    def _ask(self, ask: str, key: str, asked: Sequence[tuple[int, dict[str, Any]]]) -> Iterator[tuple[int, Any]]:
        """What the server says of each episode; those it fails in are noted and left out."""
        for start in range(0, len(asked), self._at_once):
            part = asked[start : start + self._at_once]
            request = {
                "protocol": PROTOCOL,
                "ask": ask,
                "tools": list(self.context.tool_ids),
                "regions": self.context.n_regions,
                "max_plan_steps": self.context.max_plan_steps,
                "episodes": [episode for _, episode in part],
            }
            try:
                said = self._post(request).get(key)
                if not isinstance(said, list) or len(said) != len(part):
                    raise ImgEditError(f"expected {len(part)} {key}")
            except (ImgEditError, self._http.HTTPError) as error:
                self.failures.update((row, f"no reply: {type(error).__name__}: {error}") for row, _ in part)
                continue
            for (row, _), one in zip(part, said, strict=True):
                if isinstance(one, dict):
                    self.failures[row] = f"refused: {str(one.get('refused', ''))[:200]}"
                else:
                    yield row, one

    def _post(self, request: dict[str, Any]) -> dict[str, Any]:
        for attempt in range(self._retries + 1):
            last = attempt == self._retries
            try:
                status, content = self._send(request)
            except self._http.TransportError:
                if last:
                    raise
            else:
                if status == 200:
                    said = parse(decode(content))
                    if not isinstance(said, dict):
                        raise ImgEditError("expected a JSON object")
                    return said
                if last or (status != 429 and status < 500):
                    raise ImgEditError(f"expected status 200; found {status}")
            time.sleep(PAUSE * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    def _send(self, request: dict[str, Any]) -> tuple[int, bytes]:
        """Status and content; a reply that drips in is given up like one that does not come."""
        until = time.monotonic() + self._timeout
        content = b""
        with self._client.stream("POST", self._url, json=request) as response:
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > MAX_REPLY:
                    raise ImgEditError(f"expected a reply of at most {MAX_REPLY} bytes")
                if time.monotonic() > until:
                    raise self._http.ReadTimeout("the reply takes too long")
        return response.status_code, content


def _packed(image: np.ndarray) -> str:
    return base64.b64encode(png_of(image)).decode("ascii")


def _lines(said: Any) -> str:
    if not isinstance(said, list) or not all(isinstance(line, str) for line in said):
        raise ImgEditError("expected lines of text")
    return "\n".join(said)


def _http_library() -> Any:
    """httpx2, or httpx where Python is too old for it; what is used of them is the same."""
    for name in ("httpx2", "httpx"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ImgEditError("agent 'http' needs an HTTP client: pip install imgedit-gym[servers]")
