"""Plan steps to learn from, and how well a policy chooses in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from baselines.orchestrator.explore import Explored
from baselines.orchestrator.network import Choices, Network, shrink
from baselines.orchestrator.orchestrator import Orchestrator

AS_GOOD = 0.05
"""A choice that earns so little less than the best one counts as right."""


class Lessons:
    """States with the worth of every choice, as tensors.

    Args:
        orchestrator: Whose encoder makes the image tokens, and whose tools are chosen from.
        sharpness: How much less reward makes a choice e times less wanted.
    """

    def __init__(self, orchestrator: Orchestrator, sharpness: float) -> None:
        self._orchestrator, self._sharpness = orchestrator, sharpness
        self.explored: list[Explored] = []
        self._pictures: list[torch.Tensor] = []
        self._tokens: list[torch.Tensor] = []
        self._steps: list[torch.Tensor] = []
        self._wanted: list[torch.Tensor] = []
        self._untried: list[torch.Tensor] = []

    def __len__(self) -> int:
        return len(self.explored)

    def add(self, explored: Sequence[Explored]) -> None:
        """Take in states whose choices were tried; those in which all trials failed are left out."""
        explored = [one for one in explored if not np.isnan(one.table.scores).all()]
        for start in range(0, len(explored), 64):
            part = explored[start : start + 64]
            images = torch.from_numpy(np.stack([one.state.picture for one in part]))
            tokens = self._orchestrator.tokens(images)
            pictures = shrink(images)
            for i, one in enumerate(part):
                worth = one.table.worth
                wanted = np.where(np.isnan(worth), -np.inf, (worth - np.nanmax(worth)) / self._sharpness)
                self.explored.append(one)
                self._pictures.append(pictures[i])
                if tokens is not None:
                    self._tokens.append(tokens[i].cpu())
                self._steps.append(torch.from_numpy(one.state.codes.astype(np.int64)))
                self._wanted.append(torch.from_numpy(wanted.astype(np.float32)))
                self._untried.append(torch.from_numpy(one.table.untried))

    def loss(self, network: Network, rows: Sequence[int], device: torch.device) -> torch.Tensor:
        """How little of its probability the policy gives to choices that earn much.

        The more a choice earns the more it is wanted; choices that earn the same, such as all cells of one segment, are
        wanted together, whichever of them the policy prefers. What was not tried is left out.

        Args:
            network: The network.
            rows: Which states.
            device: Where the network is.
        """
        wanted = torch.stack([self._wanted[row] for row in rows]).to(device)
        untried = torch.stack([self._untried[row] for row in rows]).to(device)
        log_probs = self._choose(network, rows, device).log_probs((wanted > -torch.inf).any(2))
        among = log_probs.masked_fill(untried, -torch.inf).flatten(1).logsumexp(1)
        return (among - (log_probs + wanted).flatten(1).logsumexp(1)).mean()

    def _choose(self, network: Network, rows: Sequence[int], device: torch.device) -> Choices:
        tokens = torch.stack([self._tokens[row] for row in rows]).to(device) if self._tokens else None
        pictures = torch.stack([self._pictures[row] for row in rows]).to(device)
        steps = torch.stack([self._steps[row] for row in rows]).to(device)
        # matrix products in bfloat16, which many CPUs do faster, where gradients follow
        with torch.autocast(device.type, torch.bfloat16, enabled=torch.is_grad_enabled()):
            return network(pictures, steps, tokens)

    @torch.no_grad()
    def grade(self, network: Network, device: torch.device) -> dict[str, float]:
        """How well a policy chooses, by number of what is graded.

        Returns:
            ``right``, share of the states in which its choice earns as much as the best; ``regret``, how much less it
            earns on average; ``right/verb/...`` by verb; ``right/tool/...`` by the tool that is best.
        """
        network.eval()
        right: dict[str, list[bool]] = {}
        regrets = []
        for start in range(0, len(self), 128):
            rows = range(start, min(start + 128, len(self)))
            mask = torch.stack([self._wanted[row] > -torch.inf for row in rows]).any(2).to(device)
            chosen = self._choose(network, rows, device).best(mask).cpu().tolist()
            for row, (tool, region) in zip(rows, chosen, strict=True):
                one, scores = self.explored[row], self.explored[row].table.scores
                if one.table.untried[tool, region]:
                    continue
                # what a tool refuses changes nothing
                earned = scores[0, 0] if np.isnan(scores[tool, region]) else scores[tool, region]
                regret = float(np.nanmax(scores) - earned)
                regrets.append(regret)
                best = self._orchestrator.tool_ids[one.best()[0]]
                for name in ("right", f"right/verb/{one.state.verb}", f"right/tool/{best}"):
                    right.setdefault(name, []).append(regret < AS_GOOD)
        shares = {name: float(np.mean(found)) for name, found in sorted(right.items())}
        return {**shares, "regret": float(np.mean(regrets)) if regrets else 0.0}
