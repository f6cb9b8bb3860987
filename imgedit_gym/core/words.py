"""Texts as spaces of Gymnasium hold them: printable ASCII of bounded length."""

from __future__ import annotations

import string
import unicodedata

CHARSET = string.ascii_letters + string.digits + string.punctuation + " "
"""What texts of observations are made of: the printable characters of ASCII."""

_PLAIN = str.maketrans("‘’‚“”„–—−×", "'''\"\"\"---x")


def plain(text: str, max_length: int) -> str:
    """A text in :data:`CHARSET`, cut to a length.

    Accents are dropped, signs of typography become their ASCII counterparts, white space becomes a space, and whatever
    else is outside becomes a question mark.
    """
    folded = unicodedata.normalize("NFKD", " ".join(text.replace("…", "...").split()).translate(_PLAIN))
    kept = (one for one in folded if not unicodedata.combining(one))
    return "".join(one if one in _ALLOWED else "?" for one in kept)[:max_length]


_ALLOWED = frozenset(CHARSET)
