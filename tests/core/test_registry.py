"""Tests of plug-ins by name."""

import importlib.metadata
from types import SimpleNamespace

import pytest

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import JUDGES, ORCHESTRATORS, PIXEL_TOOLS, PLANNERS, REGIONS, TASKS, TOOLS, Registry


class Thing:
    def __init__(self, size, weight=1):
        self.size, self.weight = size, weight


@pytest.fixture
def registry():
    registry = Registry("thing")
    registry.register("big-thing", Thing)
    registry.register("counter", "collections:Counter")
    return registry


def test_an_id_builds(registry):
    thing = registry.build("big-thing", size=3)
    assert (type(thing), thing.size, thing.weight) == (Thing, 3, 1)


def test_a_mapping_builds_with_its_arguments(registry):
    spec = {"id": "big-thing", "weight": 5}
    assert registry.build(spec, size=3).weight == 5
    assert spec == {"id": "big-thing", "weight": 5}


def test_a_string_target_is_imported_on_first_use(registry):
    from collections import Counter

    assert registry.build("counter", a=2) == Counter(a=2)
    assert registry.factory("counter") is Counter


@pytest.mark.parametrize("thing", [Thing(1), 5, None, [1], object()])
def test_finished_objects_pass_through(registry, thing):
    assert registry.build(thing, size=3) is thing


def test_the_decorator_registers(registry):
    @registry.register("mine")
    def make(size):
        return size * 2

    assert make(2) == 4
    assert registry.build("mine", size=4) == 8
    assert registry.ids() == ("big-thing", "counter", "mine")


class Placed(Thing):
    short = ("size", "weight")


def test_text_may_carry_arguments(registry):
    registry.register("placed", Placed)
    thing = registry.build("placed:here:C:\\there")
    assert (thing.size, thing.weight) == ("here", "C:\\there")
    assert registry.spec("placed:a:b") == {"id": "placed", "size": "a", "weight": "b"}
    for text in ("placed:a", "placed:a:", "placed::b"):
        with pytest.raises(ImgEditError, match="thing 'placed': expected 'placed:SIZE:WEIGHT'; found 'placed:"):
            registry.build(text)
    with pytest.raises(ImgEditError, match="thing 'big-thing': expected 'big-thing'; found 'big-thing:5'"):
        registry.build("big-thing:5")
    with pytest.raises(ImgEditError, match="unknown thing 'nothing'"):
        registry.build("nothing:5")


def test_ids_with_a_colon_go_first(registry):
    registry.register("big-thing:blue", lambda size: size)
    assert registry.build("big-thing:blue", size=4) == 4


def test_unknown_ids_name_the_near_ones(registry):
    with pytest.raises(ImgEditError) as caught:
        registry.build("big-thin")
    assert str(caught.value) == (
        "unknown thing 'big-thin'; did you mean big-thing? (expected one of: big-thing, counter)"
    )
    with pytest.raises(ImgEditError, match=r"unknown thing 'zzz' \(expected one of"):
        registry.factory("zzz")


def test_taken_ids(registry):
    registry.register("big-thing", Thing)
    with pytest.raises(ImgEditError, match="thing id 'big-thing' is taken"):
        registry.register("big-thing", dict)
    assert registry.factory("big-thing") is Thing


@pytest.mark.parametrize("spec", [{}, {"name": "big-thing"}, {"id": 3}, {"id": None}])
def test_mappings_need_an_id(registry, spec):
    with pytest.raises(ImgEditError, match="a thing given as a mapping needs the key 'id'"):
        registry.build(spec)


@pytest.mark.parametrize(
    ("spec", "context", "told"),
    [
        ({"id": "big-thing", "colour": 1}, {"size": 1}, "does not take these arguments"),
        ("big-thing", {}, "needs more arguments"),
    ],
)
def test_wrong_arguments(registry, spec, context, told):
    with pytest.raises(ImgEditError, match=f"thing 'big-thing' {told}"):
        registry.build(spec, **context)


def test_a_class_is_no_object(registry):
    with pytest.raises(ImgEditError, match=r"found the class Thing: make an object of it, Thing\(\.\.\.\)"):
        registry.build(Thing)


def test_errors_inside_a_factory_are_its_own(registry):
    @registry.register("broken")
    def broken():
        return 1 + "1"

    with pytest.raises(TypeError, match="unsupported operand"):
        registry.build("broken")


def test_entry_points_are_read_once_and_never_shadow(registry, monkeypatch):
    asked = []

    def entry_points(group):
        asked.append(group)
        return [
            SimpleNamespace(name="foreign", value="collections:OrderedDict"),
            SimpleNamespace(name="big-thing", value="collections:Counter"),
        ]

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    assert registry.ids() == ("big-thing", "counter", "foreign")
    assert registry.factory("big-thing") is Thing
    assert registry.build("foreign", a=1) == {"a": 1}
    assert asked == ["imgedit_gym.things"]


SHIPPED = [TASKS, PLANNERS, REGIONS, TOOLS, JUDGES, ORCHESTRATORS]


@pytest.mark.parametrize("kind", SHIPPED, ids=lambda registry: registry.kind)
def test_everything_that_ships_can_be_imported(kind):
    assert kind.ids()
    for id in kind.ids():
        factory = kind.factory(id)
        # tools that wrap others are named after them
        assert getattr(factory, "id", id) == id if kind is not TASKS else callable(factory)


def test_pixel_tools_are_registered_and_begin_with_skip():
    assert PIXEL_TOOLS[0] == "skip"
    assert len(set(PIXEL_TOOLS)) == len(PIXEL_TOOLS)
    assert set(PIXEL_TOOLS) <= set(TOOLS.ids())
