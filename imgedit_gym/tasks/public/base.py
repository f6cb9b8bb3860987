"""What an adapter of a public data set does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

from imgedit_gym.tasks.records import Image, Record


class Adapter(ABC):
    """Turns the rows of a data set, as its authors publish them, into records.

    Built by its registry with the keyword ``path``, and a user's own arguments beside it.

    Args:
        path: A local copy, or where the data set is one of the hub's, its id.

    Attributes:
        title: Its name.
        licence: Its licence, as its authors state it; where this is not known, where to look.
        url: Where it comes from.
        hub: Id on the hub; empty where files have to be fetched by hand.
    """

    title: ClassVar[str]
    licence: ClassVar[str]
    url: ClassVar[str]
    hub: ClassVar[str] = ""

    def __init__(self, path: str) -> None:
        self.path = path

    @abstractmethod
    def records(self) -> Iterator[Record]:
        """The records, in the data set's order.

        Raises:
            ImgEditError: If something is not in the data set's format.
        """


def in_turns(
    id: str, where: str, image: Callable[[], Image], requests: Sequence[str], instruction: str | None = None
) -> Record:
    """A record of several edits one after the other: they are its plan, and each is a requirement of its step.

    Args:
        id: Name of the record.
        where: Where it stands.
        image: Gives the image.
        requests: The edits in words.
        instruction: The request as a whole; by default the edits, joined.
    """
    whole = " ".join(one.strip().rstrip(".") + "." for one in requests) if instruction is None else instruction
    checklist = [{"kind": "instruction", "text": one, "step": step} for step, one in enumerate(requests)]
    return Record(id, where, image, whole, options={"plan": list(requests), "checklist": checklist})
