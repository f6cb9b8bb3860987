"""Pipelines of diffusers with random weights, each built once."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_pipeline(tmp_path_factory):
    """Folder of a tiny pipeline of a class."""
    from tests.tools.tiny_pipelines import build

    built: dict[str, Path] = {}

    def make(kind: str) -> Path:
        if kind not in built:
            built[kind] = build(kind, tmp_path_factory.mktemp("pipelines") / kind)
        return built[kind]

    return make


@pytest.fixture
def small_conditions(monkeypatch):
    """Has Qwen's pipelines look at 64 pixels; that they bring every picture to a megapixel is hard-coded."""
    for name, size in (("edit", (64, 64, None)), ("edit_plus", (64, 64)), ("edit_inpaint", (64, 64, None))):
        module = importlib.import_module(f"diffusers.pipelines.qwenimage.pipeline_qwenimage_{name}")
        monkeypatch.setattr(module, "calculate_dimensions", lambda area, ratio, size=size: size)
