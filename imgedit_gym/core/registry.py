"""Plug-ins by name: tasks, planners, regions, tools, judges and orchestrators share one kind of registry.

An id resolves to a class or function given as a string ``"module:attribute"`` (imported on first use, so that
registering costs nothing), as an object, or through a ``pyproject`` entry point of the group
``imgedit_gym.<kind>s``.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from imgedit_gym.core.errors import ImgEditError


def near(word: str, known: Iterable[str]) -> str:
    """``; did you mean ...?`` where a word is nearly one that is known, else nothing."""
    found = difflib.get_close_matches(word, list(known), n=3)
    return f"; did you mean {', '.join(found)}?" if found else ""


class Registry:
    """A table from ids to factories of one kind of plug-in.

    Args:
        kind: Singular noun used in messages and for the entry-point group, such as ``"tool"``.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, str | Callable[..., Any]] = {}
        self._entry_points_read = False

    def register(self, id: str, target: str | Callable[..., Any] | None = None) -> Callable[..., Any]:
        """Add a factory under an id; without ``target`` it is a decorator.

        Args:
            id: Name users write, such as ``"fill_flat"``.
            target: A callable, or ``"module:attribute"`` imported on first use.

        Returns:
            The callable itself, or the decorator.

        Raises:
            ImgEditError: If the id is taken by another factory.
        """

        def add(factory: str | Callable[..., Any]) -> Any:
            known = self._entries.get(id)
            if known is not None and known != factory:
                raise ImgEditError(f"{self.kind} id {id!r} is taken; expected an unused id")
            self._entries[id] = factory
            return factory

        return add if target is None else add(target)

    def ids(self) -> tuple[str, ...]:
        """All registered ids, in order of registration."""
        self._read_entry_points()
        return tuple(self._entries)

    def factory(self, id: str) -> Callable[..., Any]:
        """The factory behind an id.

        Raises:
            ImgEditError: If no such id is registered; the message names the nearest ones.
        """
        self._read_entry_points()
        if id not in self._entries:
            raise ImgEditError(
                f"unknown {self.kind} {id!r}{near(id, self._entries)} "
                f"(expected one of: {', '.join(sorted(self._entries))})"
            )
        target = self._entries[id]
        if isinstance(target, str):
            module, _, attribute = target.partition(":")
            target = getattr(importlib.import_module(module), attribute)
            self._entries[id] = target
        return target

    def spec(self, spec: str | Mapping[str, Any]) -> dict[str, Any]:
        """What a user wrote as a mapping with the key ``"id"``.

        Args:
            spec: Such a mapping, or text: an id, or an id with the arguments that its factory's attribute ``short``
                names, each after a colon, as in ``"folder:PATH"``.

        Raises:
            ImgEditError: If the id is unknown or missing, or the text has not the arguments that ``short`` names.
        """
        if not isinstance(spec, str):
            if not isinstance(spec.get("id"), str):
                raise ImgEditError(f"a {self.kind} given as a mapping needs the key 'id'; found keys {sorted(spec)}")
            return dict(spec)
        id, colon, rest = spec.partition(":")
        self._read_entry_points()
        if not colon or spec in self._entries:
            return {"id": spec}
        names = getattr(self.factory(id), "short", ())
        values = rest.split(":", max(len(names) - 1, 0))
        if len(values) != len(names) or "" in values:
            expected = ":".join([id, *(name.upper() for name in names)])
            raise ImgEditError(f"{self.kind} {id!r}: expected {expected!r}; found {spec!r}")
        return {"id": id, **dict(zip(names, values, strict=True))}

    def build(self, spec: Any, **context: Any) -> Any:
        """Build a plug-in from what a user wrote.

        Args:
            spec: What :meth:`spec` takes, or a finished object (anything else), which is returned as it is.
            **context: Keyword arguments given to every factory, such as the image size.

        Raises:
            ImgEditError: If the id is unknown, the arguments do not fit, or a class is given in the place of an object.
        """
        if isinstance(spec, type):
            raise ImgEditError(
                f"{self.kind}: expected an id, a mapping or an object; found the class {spec.__name__}: "
                f"make an object of it, {spec.__name__}(...)"
            )
        if not isinstance(spec, (str, Mapping)):
            return spec
        arguments = self.spec(spec)
        id = arguments.pop("id")
        factory = self.factory(id)
        try:
            return factory(**context, **arguments)
        except TypeError as error:
            if "argument" not in str(error):
                raise
            told = "needs more arguments" if "missing" in str(error) else "does not take these arguments"
            raise ImgEditError(f"{self.kind} {id!r} {told}: {error}") from error

    def _read_entry_points(self) -> None:
        if self._entry_points_read:
            return
        self._entry_points_read = True
        for point in importlib.metadata.entry_points(group=f"imgedit_gym.{self.kind}s"):
            self._entries.setdefault(point.name, point.value)


TASKS = Registry("task")
PLANNERS = Registry("planner")
REGIONS = Registry("region")
TOOLS = Registry("tool")
JUDGES = Registry("judge")
ORCHESTRATORS = Registry("orchestrator")


def register_builtins() -> None:
    """Name everything that ships with the package; nothing is imported yet."""
    TASKS.register("adverts", "imgedit_gym.tasks.adverts.source:Adverts")
    TASKS.register("folder", "imgedit_gym.tasks.folder:FolderTasks")
    TASKS.register("dataset", "imgedit_gym.tasks.public.source:DatasetTasks")
    TASKS.register("photos", "imgedit_gym.tasks.photos.source:Photos")
    for planner in ("oracle", "none", "rules", "agent"):
        PLANNERS.register(planner, f"imgedit_gym.planners.{planner}:{planner.capitalize()}Planner")
    PLANNERS.register("language", "imgedit_gym.planners.language:LanguagePlanner")
    REGIONS.register("cells", "imgedit_gym.regions.cells:CellRegions")
    REGIONS.register("segments", "imgedit_gym.regions.segments:SegmentRegions")
    REGIONS.register("superpixels", "imgedit_gym.regions.superpixels:SuperpixelRegions")
    REGIONS.register("sam", "imgedit_gym.regions.sam:SamRegions")
    REGIONS.register("detect", "imgedit_gym.regions.detect:DetectRegions")
    REGIONS.register("blocks", "imgedit_gym.regions.blocks:BlockRegions")
    for judge, module, name in _JUDGES:
        JUDGES.register(judge, f"imgedit_gym.judges.{module}:{name}")
    ORCHESTRATORS.register("oracle", "imgedit_gym.orchestrators.oracle:OracleOrchestrator")
    ORCHESTRATORS.register("agent", "imgedit_gym.orchestrators.agent:AgentOrchestrator")
    for module, tools in (_PIXEL_TOOLS | _RETOUCH_TOOLS).items():
        for tool in tools:
            name = "".join(part.capitalize() for part in tool.split("_"))
            TOOLS.register(tool, f"imgedit_gym.tools.{module}:{name}")
    TOOLS.register("images-edits", "imgedit_gym.tools.images_edits:ImagesEdits")
    TOOLS.register("diffusers", "imgedit_gym.tools.diffusion:DiffusersTool")
    TOOLS.register("style", "imgedit_gym.tools.style:Style")
    TOOLS.register("upscale", "imgedit_gym.tools.upscale:Upscale")
    TOOLS.register("rewrite_read", "imgedit_gym.tools.rewrite_read:RewriteRead")
    TOOLS.register("cutout", "imgedit_gym.tools.cutout:Cutout")
    for simulated in ("flaky", "weak", "drifting"):
        TOOLS.register(simulated, f"imgedit_gym.tools.simulated:{simulated.capitalize()}")


_JUDGES = (
    ("checklist", "checklist", "ChecklistJudge"),
    ("pixels", "pixels", "PixelJudge"),
    ("vlm", "vlm.judge", "VlmJudge"),
    ("openai", "openai", "OpenAIJudge"),
    ("ocr", "ocr", "OcrJudge"),
    ("clip", "clip", "ClipJudge"),
    ("cache", "cache", "CachedJudge"),
    ("average", "ensembles", "Average"),
    ("ensemble", "ensembles", "Ensemble"),
    ("product", "combinations", "Product"),
    ("sum", "combinations", "WeightedSum"),
    ("geometric", "combinations", "GeometricMean"),
    ("minimum", "combinations", "Minimum"),
    ("gate", "combinations", "Gate"),
)

_PIXEL_TOOLS = {
    "skip": ("skip",),
    "erase": ("fill_flat", "fill_smooth", "fill_rows", "fill_columns", "fill_clone"),
    "paste": ("paste", "paste_over", "paste_clone", "paste_blend"),
    "recolor": ("hue_shift", "tint", "paint", "color_shift"),
    "tone": ("exposure", "contrast", "saturation", "temperature"),
    "detail": ("blur", "sharpen"),
    "background": ("swap_background",),
    "text": ("erase_text", "rewrite_fill", "rewrite_clone", "rewrite_panel"),
}

PIXEL_TOOLS: tuple[str, ...] = tuple(tool for tools in _PIXEL_TOOLS.values() for tool in tools)
"""Ids behind ``tools="pixel"``, in action order; tool 0 is ``skip``."""

_RETOUCH_TOOLS = {
    "retouch_light": ("exposure_gain", "exposure_curve", "auto_levels", "dodge"),
    "retouch_color": ("balance_light", "balance_veil", "gray_world", "saturate", "unfade"),
    "retouch_contrast": ("contrast_linear", "contrast_midtones", "dehaze_even", "dehaze_deep"),
    "retouch_detail": ("denoise_grain", "denoise_specks", "deblur_focus", "deblur_streak"),
}

RETOUCH_TOOLS: tuple[str, ...] = tuple(tool for tools in _RETOUCH_TOOLS.values() for tool in tools)
"""Ids behind ``tools="retouch"``, in action order after ``skip``."""

TOOL_GROUPS: dict[str, tuple[str, ...]] = {"pixel": PIXEL_TOOLS, "retouch": RETOUCH_TOOLS}
"""Names that stand for several tools."""

register_builtins()
