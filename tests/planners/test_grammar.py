"""The plan grammar as an automaton: whatever it lets through is a plan, and every plan gets through."""

import random

import pytest
import torch

pytest.importorskip("transformers")

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import PlanStep, read_plan
from imgedit_gym.planners.decoding import Constrained, write_plans
from imgedit_gym.planners.grammar import sayable
from tests.planners.tokenizers import HEADLINES, grammar_of, syllables, tiny_model


@pytest.fixture(scope="module")
def tokenizer():
    return syllables()


@pytest.fixture(scope="module")
def grammar(tokenizer):
    return grammar_of(tokenizer)


def wander(grammar, dice, start=None):
    """Tokens chosen at random among those allowed, with the end."""
    state, ids = grammar.start if start is None else start, []
    while True:
        token = dice.choice(grammar.allowed(state).tolist())
        ids.append(token)
        if token == grammar.end:
            return ids
        state = grammar.advance(state, token)


def test_whatever_is_written_is_a_plan(grammar, tokenizer):
    dice, seen = random.Random(0), set()
    forms = {(verb, target): set(values) for verb, targets, values in _forms() for target in targets or ("picture",)}
    for _ in range(400):
        ids = wander(grammar, dice)
        assert len(ids) <= grammar.longest
        plan = read_plan(tokenizer.decode(ids[:-1]), grammar.max_steps)
        assert grammar.read(ids) == plan
        for step in plan:
            values = forms[step.verb, step.target]
            assert step.value in values if values else not step.value
        seen.add(len(plan))
    assert seen == {1, 2, 3, 4}


@pytest.mark.parametrize(
    "due", [{"hamburger"}, {"hamburger", "hot dog", "dog"}, {"hamburger", "hot dog", "dog", "car", "sun"}]
)
def test_a_plan_speaks_of_what_is_due_and_of_nothing_that_is_spared(grammar, tokenizer, due):
    dice, lengths = random.Random(1), set()
    start = grammar.start_with(due, grammar.things - due)
    for _ in range(200):
        plan = read_plan(tokenizer.decode(wander(grammar, dice, start)[:-1]), grammar.max_steps)
        told = [step.target for step in plan if step.verb != "add" and step.target in grammar.things]
        assert len(set(told)) == len(told) == min(len(due), grammar.max_steps) and set(told) <= due
        lengths.add(len(plan))
    assert lengths == set(range(min(len(due), grammar.max_steps), grammar.max_steps + 1))


def test_no_verb_is_written_for_which_nothing_is_left(grammar, tokenizer):
    dice, nothing = random.Random(2), grammar.start_with((), grammar.things)
    verbs = set()
    for _ in range(200):
        plan = read_plan(tokenizer.decode(wander(grammar, dice, nothing)[:-1]), grammar.max_steps)
        assert all(step.target not in grammar.things for step in plan if step.verb != "add")
        verbs |= {step.verb for step in plan}
    assert verbs == {"remove", "add", "recolor", "set", "rewrite", "adjust"}  # a badge may be removed


def test_what_would_rather_end_writes_nothing_but_what_is_due(grammar):
    due = {"hamburger", "hot dog", "dog"}
    constrained = Constrained(grammar, 1, 0.0, (), [grammar.start_with(due, grammar.things - due)])
    scores, ids = torch.rand(1, len(syllables()), generator=torch.Generator().manual_seed(0)), []
    scores[0, grammar.end] = 9.0
    while not ids or ids[-1] != grammar.end:
        ids.append(int(constrained(torch.tensor([ids], dtype=torch.long), scores).argmax()))
    first, *rest = grammar.read(ids)
    assert {step.target for step in rest} <= due and len(rest) == 3 - (first.target in due)


def test_only_objects_can_be_due_or_spared(grammar):
    for due, spared in (({"background"}, ()), ((), {"no such thing"}), ({"dog"}, {"dog"})):
        with pytest.raises(ImgEditError, match="expected objects that are due or spared"):
            grammar.start_with(due, spared)


def _forms():
    from imgedit_gym.art.catalogue import load_catalogue

    return sayable([item.name for item in load_catalogue().objects], HEADLINES)


def test_every_oracle_plan_is_let_through(tokenizer, make_source):
    source = make_source(split="test-long")
    batch = source.allocate(40)
    source.sample(batch, torch.arange(40), torch.arange(40) + (source.stream << 48))
    objects = [item.name for item in source.stock.catalogue.objects]
    from imgedit_gym.planners.grammar import PlanGrammar

    grammar = PlanGrammar(tokenizer, tokenizer.eos_token_id, objects, source.stock.headlines, 8)
    for row in range(40):
        plan, state = source.oracle_plan(batch, row), grammar.start
        ids = grammar.write(plan)
        for token in ids:
            assert token in grammar.allowed(state).tolist()
            state = grammar.advance(state, token)
        assert grammar.read(ids) == plan


def test_names_that_begin_alike_can_both_be_finished(grammar):
    def allowed_after(*steps):
        ids, state = grammar.write(steps), grammar.start
        for token in ids[:-1]:
            state = grammar.advance(state, token)
        return grammar.allowed(state).tolist()

    from imgedit_gym.art.catalogue import load_catalogue

    names = {item.name for item in load_catalogue().objects}
    short = next(name for name in sorted(names) if any(other.startswith(name + " ") for other in names))
    after = allowed_after(PlanStep("add", "picture", short))
    assert grammar.end in after and len(after) > 2


@pytest.mark.parametrize(
    "plan",
    [
        (),
        (PlanStep("add", "picture", "carrot"),) * 5,
        (PlanStep("edit", "picture", "make it nice"),),
        (PlanStep("replace", "badge", "carrot"),),
        (PlanStep("recolor", "carrot", "black"),),
        (PlanStep("rewrite", "headline", "NOT IN THE STOCK"),),
        (PlanStep("set", "background", "carrot"),),
    ],
)
def test_what_no_step_may_have_is_not_written(grammar, plan):
    with pytest.raises(ImgEditError):
        grammar.write(plan)


def test_a_tokenizer_that_loses_text_is_refused(tokenizer):
    class Forgetful:
        eos_token_id = tokenizer.eos_token_id

        def encode(self, text, add_special_tokens):
            return tokenizer.encode(text, add_special_tokens=add_special_tokens)

        def decode(self, ids):
            return tokenizer.decode(ids).lower()

    with pytest.raises(ImgEditError, match="does not give plan steps back"):
        grammar_of(Forgetful())


def test_a_model_writes_under_the_grammar(grammar, tokenizer):
    model = tiny_model(tokenizer)
    inputs = dict(tokenizer(["a plan", "quite another plan"], padding=True, return_tensors="pt"))
    inputs.pop("token_type_ids", None)
    first, second = write_plans(model, grammar, inputs), write_plans(model, grammar, inputs)
    assert first == second and all(1 <= len(plan) <= 4 for plan in first)
    drawn = [write_plans(model, grammar, inputs, 1.0, seeds) for seeds in ((1, 2), (1, 3), (1, 2))]
    assert drawn[0] == drawn[2] and drawn[0][0] == drawn[1][0]
    assert len({plan for plans in drawn for plan in plans}) >= 2


def test_draws_follow_the_scores(grammar):
    tokens = grammar.allowed(grammar.start)
    scores = torch.zeros(4000, int(tokens.max()) + 1)
    scores[:, tokens[0]] = 2.0
    drawn = Constrained(grammar, 4000, 2.0, range(4000))(torch.zeros(4000, 0, dtype=torch.long), scores).argmax(1)
    expected = torch.softmax(scores[0, tokens] / 2.0, 0)
    found = (drawn[:, None] == tokens).float().mean(0)
    assert torch.allclose(found, expected, atol=0.03)


def test_nothing_is_edited_or_brought_in_twice(grammar, tokenizer):
    dice = random.Random(1)
    for _ in range(300):
        plan = grammar.read(wander(grammar, dice))
        targets = [step.target for step in plan if step.target != "picture"]
        values = [step.value for step in plan if step.verb in ("replace", "add", "adjust")]
        assert len(set(targets)) == len(targets) and len(set(values)) == len(values)

    def state_after(*steps):
        state = grammar.start
        for token in [*grammar.write(steps)[:-1], *tokenizer.encode("\n")]:
            state = grammar.advance(state, token)
        return state

    def written(state):
        """Verbs that a line may begin with: the only tokens after which the rest of their piece is allowed."""
        found = set()
        for verb in ("remove", "replace", "add", "recolor", "set", "rewrite", "adjust"):
            here = state
            for token in tokenizer.encode(f"{verb} the"):
                if token not in grammar.allowed(here).tolist():
                    break
                here = grammar.advance(here, token)
            else:
                found.add(verb)
        return found

    every = {"remove", "replace", "add", "recolor", "set", "rewrite", "adjust"}
    changed = state_after(PlanStep("recolor", "background", "red"), PlanStep("rewrite", "headline", "BIG SALE"))
    assert written(grammar.start) == every and written(changed) == every - {"set", "rewrite"}
