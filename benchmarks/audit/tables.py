"""The report card as tables of text."""

from __future__ import annotations

from typing import Any

from benchmarks.tables import Grid, mean_text, percent

NOT_APPLICABLE = "not applicable"


def grids(card: dict[str, Any]) -> list[Grid]:
    """Every table of a report card, with all intervals; what is to be read first comes first."""
    return [_judge(card), _attacks(card), *_agreement(card), _scores(card), _conditions(card)]


def narrow_grids(card: dict[str, Any]) -> list[Grid]:
    """The same tables for a terminal of 80 columns: short headers, told in the title, and few intervals."""
    narrow = [_narrow_attacks(card), *(_narrow_agreement(grid) for grid in _agreement(card))]
    return [_judge(card), *narrow, _scores(card), _conditions(card)]


def interval_text(interval: dict[str, Any] | None) -> str:
    """A share with its interval, in percent; a dash where nothing was measured."""
    if interval is None or interval["mean"] is None:
        return "–"
    low, high = interval["ci95"]
    return f"{100 * interval['mean']:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def number_text(number: float | None, digits: int = 3) -> str:
    """A number; a dash where there is none."""
    return "–" if number is None else f"{number:.{digits}f}"


def _judge(card: dict[str, Any]) -> Grid:
    cost, speed = card["cost"], card["speed"]
    latency = speed["latency_alone"]
    rows = [
        ("pictures judged", str(speed["pictures"])),
        ("invalid, %", percent(card["invalid"])),
        *((f"invalid because {reason}", str(count)) for reason, count in list(card["invalid"]["reasons"].items())[:3]),
        ("valid judgements a second", number_text(speed["pictures_per_second"], 1)),
        ("requirements a second", number_text(speed["requirements_per_second"], 1)),
        ("processor time a valid judgement, ms", number_text(1000 * speed["cpu_seconds_per_picture"], 2)),
        ("one picture alone, ms", number_text(None if latency is None else 1000 * latency, 1)),
        ("calls a picture", number_text(cost["calls_per_picture"], 2)),
        ("tokens a picture", number_text(cost["tokens_per_picture"], 0)),
    ]
    judge = card["judge"]
    named = ", ".join(filter(None, (judge["id"], f"version {judge['version']}", judge["model"])))
    return f"judge: {named}", ("what", "value"), rows


def _agreement(card: dict[str, Any]) -> list[Grid]:
    headers = ("", "answers", "that hold", "balanced accuracy, %", "false pass, %", "false fail, %", "AUROC", "ECE")
    by_kind = [*card["kinds"].items(), ("all", card)]
    known = [*card["construction"]["kinds"].items(), ("all", card["construction"])]
    return [
        ("agreement by kind of requirement", headers, [_agreement_row(*item) for item in by_kind]),
        ("agreement by origin", headers, [_agreement_row(*item) for item in card["origins"].items()]),
        ("agreement with what is known by construction", headers, [_agreement_row(*item) for item in known]),
    ]


def _agreement_row(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    return (
        name,
        str(row["answers"]),
        str(row["positives"]),
        interval_text(row["balanced_accuracy"]),
        percent(row["false_pass"]),
        percent(row["false_fail"]),
        number_text(row["auroc"]),
        number_text(row["calibration"]["error"]),
    )


def _scores(card: dict[str, Any]) -> Grid:
    scores = card["scores"]
    rows = [
        ("Spearman's rank correlation, all pictures", number_text(scores["spearman"])),
        ("Kendall's rank correlation, all pictures", number_text(scores["kendall"])),
        ("Spearman's rank correlation within tasks", mean_text(scores["spearman_within_tasks"])),
        ("pairs of a task in the true order, %", interval_text(scores["pairwise_accuracy"])),
    ]
    return "scores against true scores", ("what", "value"), rows


def _conditions(card: dict[str, Any]) -> Grid:
    names = {"again": "asked again", "order": "pictures in the other order", "words": "in other words"}
    rows = []
    for condition, name in names.items():
        found = card[condition]
        if not found["applicable"]:
            rows.append((name, NOT_APPLICABLE, "", "", ""))
            continue
        score, value = found["scores"], found["requirements"]
        flips = value["flips"]
        rows.append(
            (
                name,
                str(value["pairs"]),
                number_text(score["deviation"], 4),
                number_text(value["deviation"], 4),
                number_text(None if flips is None else 100 * flips, 2),
            )
        )
    headers = ("condition", "requirements", "deviation of scores", "deviation of values", "flips, %")
    return "the same pictures judged under another condition", headers, rows


def _narrow_agreement(grid: Grid) -> Grid:
    title, _, rows = grid
    told = "acc: balanced accuracy, FP: false pass, FF: false fail, all in %"
    headers = ("", "answers", "acc [95 %]", "FP", "FF", "AUROC", "ECE")
    shorter = [(row[0], row[1], row[3], *(cell.split(" ")[0] for cell in row[4:6]), *row[6:]) for row in rows]
    return f"{title}\n{told}", headers, shorter


def _paid(card: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["what"]: row for row in card["references"].values()} | card["attacks"]


PAID = {
    "overpaid": ("overpaid, %", "over"),
    "more_than_failed": ("> failed try, %", ">fail"),
    "more_than_half": ("> half the plan, %", ">half"),
    "more_than_done": ("> whole plan, %", ">all"),
    "as_much_as_done": ("≥ whole plan, %", "≥all"),
}
"""Shares of the tasks by key of the report: long and short header."""


def _attacks(card: dict[str, Any]) -> Grid:
    rows = [
        (
            name,
            str(row["tasks"]),
            mean_text(row["score"]),
            mean_text(row["exact"]),
            *(percent(row[share]) if share in row else "" for share in PAID),
        )
        for name, row in _paid(card).items()
    ]
    headers = ("picture", "tasks", "score", "true score", *(long for long, _ in PAID.values()))
    return "what is paid for attacks", headers, rows


def _narrow_attacks(card: dict[str, Any]) -> Grid:
    rows = [
        (
            name,
            *(number_text(None if row[key] is None else row[key]["mean"], 2) for key in ("score", "exact")),
            *(_rate_text(row[share]) if share in row else "" for share in PAID),
        )
        for name, row in _paid(card).items()
    ]
    told = (
        "score and true score: means; else % of the tasks: overpaid by more than 0.1, paid more than the honest failed "
        "try, than half of the plan and than all of it, and at least as much as all of it (should be 0)"
    )
    headers = ("picture", "score", "true", *(short for _, short in PAID.values()))
    return f"what is paid for attacks\n{told}", headers, rows


def _rate_text(share: dict[str, Any]) -> str:
    return "–" if share["rate"] is None else f"{100 * share['rate']:.1f}"
