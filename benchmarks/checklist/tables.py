"""The audit as tables of text."""

from __future__ import annotations

from typing import Any

from benchmarks.tables import Grid, mean_text, percent


def grids(results: dict[str, Any]) -> list[Grid]:
    """One table or two for every part."""
    made: list[Grid] = []
    if "oracle" in results:
        row = results["oracle"]
        cells = (str(row["tasks"]), percent(row["full_execution"]), mean_text(row["score"]), percent(row["success"]))
        made.append(("oracle", ("tasks", "E >= 0.999, %", "score", "success, %"), [cells]))
    if "attacks" in results:
        rows = [
            (name, str(row["tasks"]), mean_text(row["score"]), percent(row["success"]), "yes" if row["fails"] else "NO")
            for name, row in results["attacks"].items()
        ]
        made.append(("attacks", ("attack", "tasks", "score", "success, %", "fails"), rows))
    if "requirements" in results:
        rows = [
            (kind, str(row["positives"]), str(row["negatives"]), percent(row["false_fail"]), percent(row["false_pass"]))
            for kind, row in results["requirements"].items()
        ]
        headers = ("requirement", "satisfied", "not satisfied", "false fail, %", "false pass, %")
        made.append(("requirements", headers, rows))
        rows = [
            (
                kind,
                str(row["astray"]["positives"]),
                str(row["astray"]["negatives"]),
                percent(row["astray"]["false_fail"]),
                percent(row["astray"]["false_pass"]),
            )
            for kind, row in results["requirements"].items()
            if "astray" in row and row["astray"]["positives"] + row["astray"]["negatives"]
        ]
        made.append(("requirements beside a background that nobody asked for", headers, rows))
    return made
