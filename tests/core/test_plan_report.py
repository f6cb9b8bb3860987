"""Measures of plans for any task source that can carry plans out in thought."""

from imgedit_gym.core.plan import PlanStep, parse_plan
from imgedit_gym.core.plan_report import Outcome, Place, assess


def carry_out(plan):
    """A world of one dog and one cat: the dog is to go, a hat is wanted, the cat is to stay."""
    there, satisfied, broken, problems = {"dog", "cat"}, [False, False], (), []
    for step in plan:
        if step.verb == "add":
            satisfied[1] = True
            problems.append("")
        elif step.target not in there:
            problems.append("not there")
        else:
            there.discard(step.target)
            problems.append("")
    satisfied[0] = "dog" not in there
    broken = () if "cat" in there else (2,)
    return Outcome(tuple(satisfied), (2,), broken, tuple(problems), tuple(Place(1) for _ in plan))


def report(text):
    return assess(parse_plan(text, 8), carry_out)


def test_a_plan_without_fault():
    found = report("remove the dog\nadd the hat")
    assert found.flawless and found.coverage == found.preservation == 1.0
    assert found.satisfied == (True, True) and found.problems == ("", "")


def test_no_plan():
    found = assess((), carry_out)
    assert found.coverage == 0.0 and found.preservation == 1.0 and not found.flawless


def test_faults():
    found = report("remove the cow\nremove the dog\nadd the hat\nremove the cat\nremove the dog\nadd the hat")
    assert found.infeasible == (0, 4) and found.problems[0] == "not there"
    # without the first removal the second would serve
    assert found.redundant == (1, 2, 5) and found.harmful == (3,) and found.disordered == (4,)
    assert found.coverage == 1.0 and found.preservation == 0.0 and found.broken == (2,)


def test_a_place_earlier_in_the_plan_that_would_help():
    def shut_by_a_hat(plan):
        if "add" in [step.verb for step in plan]:
            at = [step.verb for step in plan].index("add")
            after = carry_out(plan[at:])
            before = carry_out(plan[:at])
            return Outcome((before.satisfied[0], True), (), (), before.problems + after.problems, ())
        return carry_out(plan)

    plan = (PlanStep("add", "picture", "hat"), PlanStep("remove", "dog"))
    found = assess(plan, shut_by_a_hat)
    assert found.coverage == 0.5 and found.disordered == (1,)
    assert assess(plan[::-1], shut_by_a_hat).disordered == ()
