"""Weights that would be unpickled are refused by every loader, before anything of them is read."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch

transformers = pytest.importorskip("transformers")
pytest.importorskip("diffusers")

from imgedit_gym.core.errors import ImgEditError  # noqa: E402 - below what needs transformers
from imgedit_gym.judges.clip import Encoder  # noqa: E402
from imgedit_gym.models import pool  # noqa: E402
from imgedit_gym.models.detector import load_detector  # noqa: E402
from imgedit_gym.models.loading import load_image_text_model, load_language_model  # noqa: E402
from imgedit_gym.models.pipelines import load_pipeline  # noqa: E402
from imgedit_gym.models.safe_weights import from_safetensors  # noqa: E402
from imgedit_gym.models.segmenter import load_segmenter  # noqa: E402
from tests.judges.tiny_clip import build_clip  # noqa: E402
from tests.judges.vlm.conftest import write_llava  # noqa: E402
from tests.planners.tokenizers import syllables, tiny_model  # noqa: E402
from tests.regions.tiny import build_owlvit, build_sam  # noqa: E402
from tests.tools.tiny_pipelines import build as build_pipeline  # noqa: E402

EDIT = "StableDiffusionInstructPix2PixPipeline"


def build_language_model(folder: Path) -> None:
    tokenizer = syllables()
    tokenizer.save_pretrained(folder)
    tiny_model(tokenizer).save_pretrained(folder)


MODELS = {
    "vision-language": (write_llava, lambda folder: load_image_text_model.__wrapped__(folder, None, "cpu", "auto")),
    "language": (build_language_model, lambda folder: load_language_model.__wrapped__(folder, None, "cpu", "auto")),
    "segmenter": (build_sam, lambda folder: load_segmenter(folder, None, "cpu", "auto")),
    "detector": (build_owlvit, lambda folder: load_detector(folder, None, "cpu", "auto")),
    "clip": (build_clip, lambda folder: Encoder(folder, None, None, 8)),
}


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.fixture(autouse=True)
def _nothing_held():
    before = pool.held()
    yield
    for key in set(pool.held()).difference(before):
        pool.close(key)


@pytest.fixture
def sprung(tmp_path, monkeypatch):
    """Path of the file that traps make; nothing may ask torch to unpickle either."""

    def load(*_, **__):
        raise AssertionError("torch.load was called")

    monkeypatch.setattr(torch, "load", load)
    return tmp_path / "sprung"


@pytest.fixture(params=MODELS)
def made(request, tmp_path):
    """A tiny model's folder, as a text, and how it is loaded."""
    build, load = MODELS[request.param]
    folder = tmp_path / "model"
    folder.mkdir()
    build(folder)
    return folder, load


def replaced(weights: Path, by: str, sprung: Path) -> None:
    weights.unlink()
    weights.with_name(by).write_bytes(pickle.dumps(Trap(sprung)))


def refused(load, folder: Path, sprung: Path, said: str) -> None:
    with pytest.raises(ImgEditError, match="expected weights as safetensors") as raised:
        load(str(folder))
    assert said in str(raised.value) and "use_safetensors=False).save_pretrained" in str(raised.value)
    assert not sprung.exists()


def test_the_trap_is_one(tmp_path) -> None:
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung"))).close()
    assert (tmp_path / "sprung").exists()


def test_a_folder_with_pickled_weights_alone(made, sprung) -> None:
    folder, load = made
    replaced(folder / "model.safetensors", "pytorch_model.bin", sprung)
    refused(load, folder, sprung, "pytorch_model.bin")


def test_parts_of_safetensors_that_are_pickled(made, sprung) -> None:
    folder, load = made
    replaced(folder / "model.safetensors", "part-1.bin", sprung)
    index = {"metadata": {}, "weight_map": {"weight": "part-1.bin"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    refused(load, folder, sprung, "part-1.bin in model.safetensors.index.json")


def test_a_configuration_that_names_pickled_weights(made, sprung) -> None:
    folder, load = made
    shutil.copy(folder / "model.safetensors", folder / "kept")
    replaced(folder / "model.safetensors", "adapter_model.bin", sprung)
    (folder / "kept").rename(folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "transformers_weights": "adapter_model.bin"}))
    refused(load, folder, sprung, "adapter_model.bin in config.json")


def test_adapters_that_are_pickled(made, sprung, tmp_path) -> None:
    folder, load = made
    (folder / "adapter_model.bin").write_bytes(pickle.dumps(Trap(sprung)))
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(folder)}))
    refused(load, folder, sprung, "adapter_config.json without adapter_model.safetensors")


def test_adapters_of_a_pickled_model(made, sprung, tmp_path) -> None:
    folder, load = made
    adapters = tmp_path / "adapters"
    adapters.mkdir()
    shutil.move(folder / "model.safetensors", adapters / "adapter_model.safetensors")
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(sprung)))
    (adapters / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(folder)}))
    refused(load, adapters, sprung, "pytorch_model.bin")


def test_safetensors_are_read_where_pickled_weights_lie_beside_them(made, sprung) -> None:
    folder, load = made
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(sprung)))
    load(str(folder))
    assert not sprung.exists()


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
@pytest.mark.parametrize("how", ["alone", "as a part"])
def test_parts_of_pipelines(sprung, tmp_path, part: str, how: str) -> None:
    folder = Path(build_pipeline(EDIT, tmp_path / "pipeline"))
    (weights,) = (folder / part).glob("*.safetensors")
    replaced(weights, "part.bin" if how == "as a part" else f"{weights.stem}.bin", sprung)
    if how == "as a part":
        (folder / part / f"{weights.name}.index.json").write_text(json.dumps({"weight_map": {"weight": "part.bin"}}))
    with pytest.raises(ImgEditError, match=r"expected weights as safetensors; found .*bin.*DiffusionPipeline"):
        load_pipeline(str(folder))
    assert not sprung.exists()


def test_models_of_the_hub_that_lead_to_pickled_weights(tmp_path, monkeypatch) -> None:
    def fetched(model: str, name: str, **_) -> str | None:
        return str(tmp_path / name) if model == "someone/model" and (tmp_path / name).exists() else None

    monkeypatch.setattr(transformers.utils, "cached_file", fetched)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"weight": "part-1.bin"}}))
    for load in (load_segmenter, load_detector):
        with pytest.raises(ImgEditError, match=r"'someone/model': expected .*; found part-1\.bin in"):
            load("someone/model", None, "cpu", "auto")


def test_models_of_the_hub_without_safetensors(monkeypatch) -> None:
    class Loader:
        @staticmethod
        def from_pretrained(model: str, **arguments) -> None:
            assert arguments["use_safetensors"] is True and arguments["trust_remote_code"] is False
            raise OSError(f"{model} cannot be loaded with `safetensors`. Please do not set `use_safetensors=True`.")

    monkeypatch.setattr(transformers.utils, "cached_file", lambda *_, **__: None)
    with pytest.raises(ImgEditError, match="expected weights as safetensors; found other weights alone") as raised:
        from_safetensors(Loader, "someone/model", None)
    assert "do not set" not in str(raised.value)


def test_the_advice_makes_a_model_that_loads(tmp_path) -> None:
    folder = tmp_path / "model"
    build_sam(folder)
    state = transformers.SamModel.from_pretrained(folder).state_dict()
    torch.save(state, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ImgEditError) as raised:
        load_segmenter(str(folder), None, "cpu", "auto")
    advice = str(raised.value).split("convert them once: ")[1].split(", and copy")[0]
    exec(advice.replace("NEW_FOLDER", repr(str(folder))), {"transformers": transformers})
    found = load_segmenter(str(folder), None, "cpu", "auto")._model.state_dict()
    assert found.keys() == state.keys() and all(torch.equal(found[name], state[name]) for name in state)


@pytest.mark.parametrize("load", [load for _, load in MODELS.values()], ids=list(MODELS))
def test_damaged_weights_are_told(load, tmp_path, request) -> None:
    kind = request.node.callspec.id
    MODELS[kind][0](tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no tensors at all")
    with pytest.raises(ImgEditError, match="expected a folder or hub id of a"):
        load(str(tmp_path))
