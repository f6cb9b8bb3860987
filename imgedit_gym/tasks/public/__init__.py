"""Public data sets of image edits as tasks; each is one file, and one line here. None comes with the package."""

from __future__ import annotations

from imgedit_gym.core.registry import Registry

DATASETS = Registry("dataset")
DATASETS.register("magicbrush", "imgedit_gym.tasks.public.magicbrush:MagicBrush")
DATASETS.register("gedit", "imgedit_gym.tasks.public.gedit:GEditBench")
DATASETS.register("imgedit", "imgedit_gym.tasks.public.imgedit:ImgEditBench")
DATASETS.register("complex-edit", "imgedit_gym.tasks.public.complex_edit:ComplexEdit")
DATASETS.register("emu-edit", "imgedit_gym.tasks.public.emu_edit:EmuEdit")
DATASETS.register("edival", "imgedit_gym.tasks.public.edival:EdiVal")
DATASETS.register("kris", "imgedit_gym.tasks.public.kris:KrisBench")

__all__ = ["DATASETS"]
