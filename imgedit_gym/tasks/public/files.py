"""Files of public data sets that are no tables of the hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.tasks.folder import read_text


def read_json(path: Path, kind: type) -> Any:
    """The content of a JSON file.

    Raises:
        ImgEditError: If it is no JSON, or of another type.
    """
    try:
        found = json.loads(read_text(path, str(path)))
    except (ValueError, RecursionError) as error:
        if isinstance(error, ImgEditError):
            raise
        raise ImgEditError(f"{path}: expected JSON; {error}") from None
    if not isinstance(found, kind):
        raise ImgEditError(f"{path}: expected {kind.__name__} in JSON; found {type(found).__name__}")
    return found
