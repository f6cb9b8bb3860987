"""Requests and requirements in words.

A request says what the picture is for or what it should be like, and seldom what is wrong with it; which retouching
that takes has to be seen.
"""

from __future__ import annotations

from imgedit_gym.core.retouching import ASPECTS, WORDS

GOALS: tuple[str, ...] = (*WORDS, "even light")
"""What a request can speak of: the word of the step that it takes, or, for a shadow, ``even light``."""

EVEN_LIGHT = len(GOALS) - 1

PHRASINGS: dict[str, tuple[str, ...]] = {
    "cleaner": (
        "It came out of an old phone; make it look like it came out of a good camera.",
        "Make it fit for a large screen, where every grain shows.",
        "This was taken in poor conditions. Make the surfaces smooth again.",
        "I want to print this big, without the dirt.",
    ),
    "crisper": (
        "It has to hold up when people stand right in front of it.",
        "I was in a hurry when I took this; make it look like I was not.",
        "Make it look as if I had used a tripod.",
        "My glasses seem to be dirty when I look at this. Help.",
    ),
    "clearer": (
        "Make it look like the air had been washed by rain.",
        "Show it on a clear autumn day.",
        "I want to see as far in it as one can.",
        "The weather was not on my side that day; change that.",
    ),
    "brighter": (
        "Make this look like it was taken on a bright morning.",
        "Open the curtains in this picture.",
        "It looks as if it were late in the evening, but it was noon.",
        "Make it friendly enough for the front page.",
    ),
    "darker": (
        "Take the glare out of it.",
        "It looks as if the flash had been far too strong.",
        "Give it back the weight that it had when I stood there.",
        "My eyes hurt when I look at it; make it pleasant.",
    ),
    "cooler": (
        "It looks like it was taken under an old lamp; make it daylight.",
        "Make white things white again, without that evening glow.",
        "The colours have to match the catalogue, not the candlelight.",
        "Make it look like noon, not like sunset.",
    ),
    "warmer": (
        "Make it look less like a hospital.",
        "It feels like deep winter; it was a mild day.",
        "Bring the sun back into its colours.",
        "It looks as if it were under water; get it out of there.",
    ),
    "pinker": (
        "It looks like it was taken under a neon tube. Fix that.",
        "Everybody would look ill in this light; make it healthy.",
        "Somebody left a bottle glass in front of the lens; take it away.",
        "Make it look as if it had not been taken in an aquarium.",
    ),
    "greener": (
        "It looks as if it had been shot through rose-coloured glasses. Take them off.",
        "The printer ran out of one ink; make up for it.",
        "Make it look less like candy floss.",
        "Give the leaves and shadows their own colour back.",
    ),
    "bolder": (
        "Give it some punch.",
        "It looks tired; wake it up.",
        "Make it stand out in a row of pictures.",
        "It should be readable from across the street.",
    ),
    "richer": (
        "This is for print, bring it back to life.",
        "It hung in a sunny window for years; make it look new.",
        "Make it as colourful as I remember it.",
        "It is for a children's book; it must not look like an old newspaper.",
    ),
    "even light": (
        "Light it evenly.",
        "Something stood in the light when I took this; make it look as if nothing had.",
        "No part of it should be harder to see than the rest.",
        "Make it look like a studio shot, with light from all sides.",
    ),
}

REST: tuple[str, ...] = (
    "Put right whatever else is wrong with it.",
    "And bring it back to what it was in every other way, too.",
    "There is more amiss; see to that as well.",
    "In the end it should look like nothing ever happened to it.",
)
"""What is said where the request does not speak of everything."""

REQUIRED: dict[str, str] = {
    "cleaner": "there is no noise",
    "crisper": "the picture is as sharp as the original",
    "clearer": "there is no haze",
    "brighter": "the picture is no longer too dark",
    "darker": "the picture is no longer too bright",
    "cooler": "the colours are no longer too warm",
    "warmer": "the colours are no longer too cold",
    "pinker": "the colours are no longer too green",
    "greener": "the colours are no longer too pink",
    "bolder": "the picture has the contrast of the original",
    "richer": "the colours are no longer faded",
    "even light": "the {} is as light as the original",
}
"""The requirement behind each goal."""


def goal_of(aspect: int, direction: int) -> int:
    """Index of the goal of a fault."""
    if ASPECTS[aspect] == "shadow":
        return EVEN_LIGHT
    return list(WORDS.values()).index((ASPECTS[aspect], direction))
