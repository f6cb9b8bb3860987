"""Next-token logits of many questions about many pictures, in as few passes as memory allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.judges.base import Cases
from imgedit_gym.judges.questions import Question
from imgedit_gym.judges.vlm.loading import Loaded
from imgedit_gym.judges.vlm.mosaic import mosaic

NAMES = {"source": "Original picture:", "canvas": "Edited picture:"}

AT_ONCE = 16
"""Mosaics read in one pass on a CPU at most: what a larger pass holds falls out of the caches."""


@dataclass(frozen=True)
class Part:
    """What one pass of the model found.

    Attributes:
        at: Indices of the questions.
        logits: Of the token that comes next, ``[len(at), vocabulary]``.
        tokens: Tokens read for each; those of a picture that was read for several are counted once, for the first.
        calls: Share of one reading of its pictures that each question is charged.
    """

    at: list[int]
    logits: torch.Tensor
    tokens: list[int]
    calls: list[float]


def ask(loaded: Loaded, cases: Cases, questions: Sequence[Question], most: int) -> Iterator[Part]:
    """Ask questions.

    Args:
        loaded: The model.
        cases: The pictures.
        questions: What to ask about them.
        most: Tokens in one pass at most, padding included; one question may have more.
    """
    with torch.inference_mode():
        if loaded.settings.pictures == "mosaic":
            yield from _ask_mosaics(loaded, cases, questions, most)
        else:
            yield from _ask_apart(loaded, cases, questions, most)


# ------------------------------------------------------------------ pictures one after another


def _ask_apart(loaded: Loaded, cases: Cases, questions: Sequence[Question], most: int) -> Iterator[Part]:
    texts = [chat(loaded, question) for question in questions]
    pictures: dict[tuple[str, int], Image.Image] = {}
    pixels = {"source": cases.source, "canvas": cases.canvas}

    def picture(which: str, case: int) -> Image.Image:
        if (which, case) not in pictures:
            pictures[which, case] = Image.fromarray(pixels[which][case].cpu().numpy())
        return pictures[which, case]

    def read(at: Sequence[int]) -> Any:
        shown = [[picture(which, questions[i].case) for which in questions[i].pictures] for i in at]
        read = loaded.processor(text=[texts[i] for i in at], images=shown, padding=True, return_tensors="pt")
        return read.to(loaded.device, dtype=loaded.model.dtype)

    # longest first, so that the first pass shows whether the others fit; equal numbers of pictures together
    order = sorted(range(len(questions)), key=lambda i: (-len(questions[i].pictures), -len(texts[i])))
    start = 0
    while start < len(order):
        shown = len(questions[order[start]].pictures)
        length = int(read(order[start : start + 1])["input_ids"].shape[1])
        rows = max(1, most // length)
        at = [i for i in order[start : start + rows] if len(questions[i].pictures) == shown]
        inputs = read(at)
        logits = loaded.model(**inputs, use_cache=False, logits_to_keep=1).logits[:, -1]
        yield Part(at, logits, inputs["attention_mask"].sum(1).tolist(), [1.0] * len(at))
        start += len(at)


def chat(loaded: Loaded, question: Question) -> str:
    """A question in the form the model was taught to talk in."""
    content: list[dict[str, str]] = []
    for which in question.pictures:
        content += [{"type": "text", "text": NAMES[which]}, {"type": "image"}]
    content.append({"type": "text", "text": question.prompt})
    system = {"role": "system", "content": [{"type": "text", "text": question.system}]}
    template = loaded.processor.apply_chat_template
    failure: Exception | None = None
    if loaded.memo.get("system", True):
        try:
            text = template([system, {"role": "user", "content": content}], add_generation_prompt=True)
            if question.system in text:
                return text
        except Exception as error:  # templates are programs and fail as they like
            failure = error
    # some templates know no system prompt, or drop it
    loaded.memo["system"] = False
    content = [{"type": "text", "text": question.system + "\n"}, *content]
    try:
        return template([{"role": "user", "content": content}], add_generation_prompt=True)
    except Exception as error:
        raise ImgEditError(f"{loaded.name}: its chat template cannot take a question; {failure or error}") from error


# ------------------------------------------------------------------ pictures as one


def _ask_mosaics(loaded: Loaded, cases: Cases, questions: Sequence[Question], most: int) -> Iterator[Part]:
    """Pictures first, once for all their questions; then the questions, side by side behind what was read of theirs."""
    texts = [_bare(loaded, question) for question in questions]
    places = loaded.model.config.image_seq_length
    tokenizer = loaded.processor.tokenizer
    encoded = tokenizer(texts, add_special_tokens=False)["input_ids"]
    asked: dict[int, list[int]] = {}
    for i, question in enumerate(questions):
        asked.setdefault(question.case, []).append(i)
    # pictures with as many words together, so that little is padding
    length = {case: places + sum(len(encoded[i]) for i in members) for case, members in asked.items()}
    order, start = sorted(asked, key=lambda case: -length[case]), 0
    source = cases.source
    largest = AT_ONCE if loaded.device.type == "cpu" else len(order)
    while start < len(order):
        shown = order[start : start + max(1, min(most // length[order[start]], largest))]
        start += len(shown)
        index = torch.tensor(shown, device=cases.canvas.device)
        laid = mosaic(source.index_select(0, index), cases.canvas.index_select(0, index), loaded.settings.edge)
        logits = _behind(loaded, laid, [[encoded[i] for i in asked[case]] for case in shown])
        at = [i for case in shown for i in asked[case]]
        first = {asked[case][0] for case in shown}
        tokens = [len(encoded[i]) + (places if i in first else 0) for i in at]
        yield Part(at, logits, tokens, [1.0 / len(asked[case]) for case in shown for _ in asked[case]])


def _bare(loaded: Loaded, question: Question) -> str:
    """The question as the model's template has it, without the picture that comes first."""
    text = question.text if loaded.settings.prompt == "question" else question.prompt
    content = [{"type": "image"}, {"type": "text", "text": text}]
    whole = loaded.processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    token = loaded.processor.image_token
    if not whole.startswith(token) or whole.count(token) != 1:
        raise ImgEditError(f"{loaded.name}: expected a chat template that begins with the one picture; found {whole!r}")
    return whole.removeprefix(token)


def _behind(loaded: Loaded, mosaics: torch.Tensor, texts: Sequence[Sequence[list[int]]]) -> torch.Tensor:
    """Logits after each text, behind its picture; the texts of a picture do not see each other."""
    model, device = loaded.model, loaded.device
    pixels = loaded.processor.image_processor(list(mosaics.cpu().permute(0, 3, 1, 2)), return_tensors="pt")
    pixels = pixels["pixel_values"].to(device, model.dtype)
    pictures = torch.stack(list(model.model.get_image_features(pixel_values=pixels).pooler_output))
    seen = model.model.language_model(inputs_embeds=pictures, use_cache=True).past_key_values
    n, places, width = len(texts), pictures.shape[1], max(sum(map(len, mine)) for mine in texts)
    ids, position = torch.zeros(n, width, dtype=torch.long), torch.zeros(n, width, dtype=torch.long)
    member, rows, ends = torch.full((n, width), -1), [], []
    for row, mine in enumerate(texts):
        start = 0
        for number, text in enumerate(mine):
            end = start + len(text)
            ids[row, start:end] = torch.tensor(text)
            position[row, start:end] = torch.arange(len(text))
            member[row, start:end] = number
            rows.append(row)
            ends.append(end - 1)
            start = end
    index = torch.arange(width)
    hidden = (member[:, None] != member[:, :, None]) | (index > index[:, None])
    mask = torch.zeros(n, 1, width, places + width)
    mask[:, 0, :, places:].masked_fill_(hidden, torch.finfo(model.dtype).min)
    found = model.model.language_model(
        inputs_embeds=model.get_input_embeddings()(ids.to(device)),
        attention_mask=mask.to(device, model.dtype),
        position_ids=(places + position).to(device),
        past_key_values=seen,
        use_cache=True,
    ).last_hidden_state
    return model.lm_head(found[torch.tensor(rows, device=device), torch.tensor(ends, device=device)])
