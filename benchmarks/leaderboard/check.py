"""Whether the folder of the public board holds: every entry verified and in its place, and nothing else there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.strict_json import StrictError
from benchmarks.submission.folder import EPISODES, MANIFEST, Fault, list_files, read_bounded
from benchmarks.suites import suite_ids
from benchmarks.verify import Report, verify

SHOWN = 120


@dataclass
class Checked:
    """What was found in a folder of entries.

    Attributes:
        reports: Of the entries that were verified.
        same: Entries that are as they were, which were not looked at again.
        faults: What is wrong with the folder itself.
    """

    reports: list[Report] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether everything holds."""
        return not self.faults and all(report.holds for report in self.reports)


def check_entries(
    folder: Path,
    before: Path | None = None,
    level: int = 3,
    progress: Callable[[Report], None] = lambda report: None,
) -> Checked:
    """Verify the entries of a folder, each at ``suite/name``.

    Args:
        folder: The folder.
        before: The folder as it was; entries that are the same there are not verified again, and none may be gone.
        level: How far to verify.
        progress: Shown every report.
    """
    found = Checked()
    names = []
    for entry in _entries(folder, found.faults):
        name = f"{entry.parent.name}/{entry.name}"
        names.append(name)
        if before is not None and _same(entry, before / name):
            found.same.append(name)
            continue
        report = verify(entry, level)
        found.faults += _misplaced(report, entry)
        found.reports.append(report)
        progress(report)
    for manifest in sorted(before.glob(f"*/*/{MANIFEST}")) if before is not None else ():
        name = f"{manifest.parent.parent.name}/{manifest.parent.name}"
        if name not in names:
            found.faults.append(Fault("entry.removed", name, "expected the entry to stay"))
    return found


def _entries(folder: Path, faults: list[Fault]) -> Iterator[Path]:
    for suite in sorted(os.scandir(folder), key=lambda one: one.name):
        if suite.is_symlink() or not suite.is_dir() or suite.name not in suite_ids():
            expected = ", ".join(suite_ids())
            faults.append(Fault("entry.stray", _shown(suite.name), f"expected folders alone, of {expected}"))
            continue
        for entry in sorted(os.scandir(suite.path), key=lambda one: one.name):
            if entry.is_symlink() or not entry.is_dir():
                name = _shown(f"{suite.name}/{entry.name}")
                faults.append(Fault("entry.stray", name, "expected folders of submissions alone"))
                continue
            yield Path(entry.path)


def _misplaced(report: Report, entry: Path) -> Iterator[Fault]:
    if report.manifest is None:
        return
    place = f"{report.manifest.suite['id']}/{report.manifest.name}"
    found = f"{entry.parent.name}/{entry.name}"
    if place != found:
        yield Fault("entry.place", _shown(found), f"expected it at {ascii(place)[1:-1]}")


def _same(first: Path, second: Path) -> bool:
    """Whether two submissions are the same, file by file."""
    try:
        (names, wrong), (others, also_wrong) = list_files(first), list_files(second)
        if wrong or also_wrong or names != others or not {MANIFEST, EPISODES} <= set(names):
            return False
        return all(read_bounded(first, name) == read_bounded(second, name) for name in names)
    except StrictError:
        return False


def _shown(name: str) -> str:
    return ascii(name)[1:-1][:SHOWN]
