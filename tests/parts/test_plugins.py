"""Parts from outside: an installed distribution, and files of one's own."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import imgrestore
import processes
from imgrestore.errors import ImgrestoreError, PluginError, PluginWarning, RecipeError, WeightsError
from imgrestore.metrics import all_metrics
from imgrestore.parts import plugins, registry
from imgrestore.parts.part import check
from imgrestore.recipes import named_recipes, shipped_recipes
from imgrestore.recipes.recipe import load_recipe
from imgrestore.recipes.schema import recipe_schema
from imgrestore.weights.cards import Card, read_card
from imgrestore.weights.catalogue import choose
from imgrestore.weights.storage import build, save_weights

EXAMPLE = Path(__file__).parents[2] / "docs" / "example_plugin"

MINE = '''
import imgrestore.parts
from imgrestore.degradations.contract import Degradation
from imgrestore.losses.contract import Loss
from imgrestore.models.contract import RestorationModel
from imgrestore.optimization.schedules import Schedule
from imgrestore.parts import register_degradation, register_metric, register_model, register_schedule


@imgrestore.parts.register_loss
class Fourth(Loss):
    """Fourth power of the error."""

    def __call__(self, restored, gt):
        return (restored - gt).pow(4).mean()


@register_degradation
class Dimming(Degradation):
    """Dimming by a third."""

    random = False

    def degrade(self, image, streams):
        return image / 1.5


@register_schedule
class Halved(Schedule):
    """Half the learning rate."""

    def factor(self, step, done, history):
        return 0.5


@register_metric
def largest_error(restored, gt, protocol="rgb", border=0):
    """Return the largest error."""
    return float((restored - gt).abs().max())


@register_model(task="denoise", default_scale=1, scales=(1,), trained=False)
def as_is(scale: int = 1) -> RestorationModel:
    """The image as it is."""
    model = RestorationModel()
    model.forward = lambda lq: lq
    return model
'''


def run(*arguments: str | Path, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "imgrestore", *map(str, arguments)]
    return processes.run(command, env=env, cwd=cwd, capture_output=True, text=True)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return path


@pytest.fixture(autouse=True)
def no_plugin_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every test begin without plugins of files, and forget those that it names."""
    monkeypatch.setenv(plugins.VARIABLE, "")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Install the example as pip does, without a network, and return an environment in which it is found."""
    folder = tmp_path_factory.mktemp("installed")
    shutil.copytree(EXAMPLE, folder / "source")
    target = folder / "target"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        target,
    ]
    done = processes.run([*pip, folder / "source"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(target), os.environ.get("PYTHONPATH"))))}


def test_the_example_is_listed_trained_and_restored_with(
    installed: dict[str, str], photo_folder: Path, tmp_path: Path
) -> None:
    models = run("models", "list", "--json", cwd=tmp_path, env=installed)
    records = {record["model"]: record for record in map(json.loads, models.stdout.splitlines())}
    assert records["soft-net"]["from"] == "soft-parts 1.0" and records["soft-net"]["licence"] == "Apache-2.0"
    assert records["soft-net"]["summary"] == "Small residual network, an example."
    assert records["resnet-sr"]["from"] == "imgrestore"
    table = run("recipes", "list", cwd=tmp_path, env=installed).stdout
    assert "soft-net" in table and "soft-parts 1.0" in table
    table = run("models", "list", cwd=tmp_path, env=installed).stdout
    assert "from" in table.partition("resnet")[0] and "soft-parts" in table

    words = ("train", "--recipe", "soft-net", "--data", photo_folder, "-o", "run", "--set", "steps=2", "--workers", "0")
    trained = run(*words, cwd=tmp_path, env=installed)
    assert trained.returncode == 0, trained.stderr
    weights = tmp_path / "run" / "soft-net.safetensors"
    named = {"model soft-net", "loss log-cosh", "degradation soft-focus"}
    assert read_card(weights).plugins == dict.fromkeys(named, "soft-parts 1.0")

    restore = ("restore", photo_folder / "0.png", "-m", weights, "-o", "restored.png")
    restored = run(*restore, cwd=tmp_path, env=installed)
    assert restored.returncode == 0 and (tmp_path / "restored.png").is_file(), restored.stderr

    missing = run(*restore, "--overwrite", cwd=tmp_path)
    assert missing.returncode == 1
    assert missing.stderr.splitlines() == [
        f"error: {weights}: belongs to the model 'soft-net', which is not here",
        "hint: it is from a plugin: install soft-parts 1.0",
    ]


def test_lists_have_no_column_without_plugins(tmp_path: Path) -> None:
    assert "from" not in run("models", "list", cwd=tmp_path).stdout.partition("resnet")[0]


def test_a_file_of_ones_own_trains_in_all_processes_and_is_resumed(
    mine: Path, photo_folder: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "dim.toml"
    recipe.write_text(
        'extends = "resnet-denoise"\nmodel = { width = 4, blocks = 1 }\ndata = { patch = 16, batch = 2, context = 0 }\n'
        'degradation = [{ kind = "dimming" }]\nloss = [{ kind = "l1" }, { kind = "fourth" }]\n'
        'schedule = { kind = "halved" }\ntraining = { steps = 3, checkpoint_every = 1 }\nvalidation = { images = 0 }\n'
    )
    train = ("train", "--recipe", recipe, "--data", photo_folder, "-o", "run", "--workers", "1", "--max-minutes", "0")
    stopped = run(*train, "--plugin", "mine.py", cwd=tmp_path)
    assert stopped.returncode == 0, stopped.stderr
    again = stopped.stderr.splitlines()[-1].split()
    assert again[0] == "imgrestore" and again[-2:] == ["--plugin", str(mine)]

    missing = run(*train, "--resume", cwd=tmp_path)
    assert missing.returncode == 2
    assert "no degradation is named 'dimming'" in missing.stderr
    assert "hint: it is from a plugin: give --plugin mine.py" in missing.stderr

    go_on = [word for word in again[1:] if word not in ("--max-minutes", "0")]
    done = run(*go_on, cwd=tmp_path)
    assert done.returncode == 0 and "trained 3 steps" in done.stderr, done.stderr
    assert read_card(tmp_path / "run" / "dim.safetensors").plugins == dict.fromkeys(
        ("degradation dimming", "loss fourth", "schedule halved"), "mine.py"
    ), "a card names the file, not where it lay"


def test_all_kinds_of_parts_come_from_a_file(mine: Path) -> None:
    imgrestore.load_plugin(mine)
    assert registry.find_model("as-is").source.file == mine and registry.find_model("as-is").licence == ""
    assert build("as-is", {"scale": 1}).scale == 1
    assert choose("as-is").entry.task == "denoise"
    for kind, name in (("loss", "fourth"), ("degradation", "dimming"), ("schedule", "halved")):
        part = registry.find(kind, name).load()()
        assert part.kind == name and pickle.loads(pickle.dumps(part)) == part
    assert all_metrics().keys() == {"psnr", "ssim", "ms_ssim", "largest_error"}
    assert os.environ[plugins.VARIABLE] == str(mine)
    imgrestore.load_plugin(mine)
    assert plugins.files() == (mine,), "to name a file twice is to name it once"
    schema = recipe_schema()["$defs"]
    assert "dimming" in schema["degradation"]["properties"]["kind"]["enum"]


def test_the_file_in_the_docs_is_a_loss_of_a_recipe(tmp_path: Path) -> None:
    page = (EXAMPLE.parent / "plugins.md").read_text(encoding="utf-8")
    path = tmp_path / "mine.py"
    path.write_text(page.partition("```python\n")[2].partition("```")[0])
    imgrestore.load_plugin(path)
    loss = load_recipe("resnet-denoise", ["loss.0.kind=cubic"]).loss[0]
    assert float(loss(torch.full((1, 3, 4, 4), 0.75), torch.full((1, 3, 4, 4), 0.25))) == 0.125


def test_a_pickled_part_finds_its_file_in_another_process(mine: Path, tmp_path: Path) -> None:
    imgrestore.load_plugin(mine)
    (tmp_path / "part.pickle").write_bytes(pickle.dumps(registry.find("loss", "fourth").load()(weight=2)))
    code = "import pickle, pathlib; print(pickle.loads(pathlib.Path('part.pickle').read_bytes()))"
    done = processes.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.startswith("weight=2.0"), done.stderr


def test_nothing_runs_until_it_is_used(tmp_path: Path) -> None:
    path = tmp_path / "loud.py"
    path.write_text(f"raise RuntimeError('this ran')\n{MINE}")
    listed = run("models", "list", "--json", "--plugin", path, cwd=tmp_path)
    assert listed.returncode == 0 and '"as-is"' in listed.stdout and listed.stderr == ""
    imgrestore.load_plugin(path)
    with pytest.raises(PluginError, match=rf"loss fourth of {path} fails \(RuntimeError: this ran\)"):
        registry.find("loss", "fourth").load()
    with pytest.warns(PluginWarning, match="this ran"):
        assert "fourth" not in recipe_schema()["$defs"]["loss"]["properties"]["kind"]["enum"]


BROKEN = {
    "no Python": ("def f(:\n", "invalid syntax"),
    "not literal": (
        'from imgrestore.parts import register_model\nTASK = "denoise"\n'
        "@register_model(task=TASK, default_scale=1)\ndef net(scale: int = 1):\n    pass\n",
        "line 3: what register_model is given must be literals",
    ),
    "a fact is missing": ('@register_model(task="denoise")\ndef net():\n    pass\n', "'default_scale'"),
    "no such task": (
        '@register_model(task="x", default_scale=1)\ndef net():\n    pass\n',
        "the task of net is none of",
    ),
    "no recipes": ('RECIPES = "nowhere"\n', "nowhere, which is not there"),
    "no text": ("\udc80", "utf-8"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_one_line_and_stops_nothing(name: str, mine: Path, tmp_path: Path) -> None:
    content, reason = BROKEN[name]
    path = tmp_path / "broken.py"
    path.write_text(content, errors="surrogateescape")
    with pytest.raises(PluginError, match=reason):
        imgrestore.load_plugin(path)
    imgrestore.load_plugin(mine)
    with pytest.warns(PluginWarning, match=f"plugin {path}: .*{reason}.*; it is left out") as warned:
        assert {"as-is", "resnet-sr"} <= registry.models().keys()
    assert len(warned) == 1


def test_the_command_line_says_what_is_left_out(mine: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def f(:\n")
    listed = run("--plugin", "broken.py", "models", "list", "--json", f"--plugin={mine}", cwd=tmp_path)
    assert listed.returncode == 0 and '"as-is"' in listed.stdout
    assert [line.partition(" (")[0] for line in listed.stderr.splitlines()] == [
        f"warning: plugin {tmp_path / 'broken.py'}: invalid syntax"
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--plugin", "nothing.py"), "nothing.py: is no file of Python"),
        (("--plugin", "."), ".: is no file of Python"),
        (("--plugin",), "--plugin names no file"),
    ],
)
def test_a_file_that_is_not_there_is_an_error(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = run("models", "list", *words, cwd=tmp_path)
    assert done.returncode == 2 and f"error: {said}" in done.stderr and done.stdout == ""


def test_clashes_name_both_places(tmp_path: Path) -> None:
    one, other = tmp_path / "one.py", tmp_path / "other.py"
    one.write_text("@register_loss\nclass Twice: ...\n")
    other.write_text("@register_loss\nclass Twice: ...\n@register_degradation\nclass Darken: ...\n")
    imgrestore.load_plugin(one)
    imgrestore.load_plugin(other)
    with pytest.raises(PluginError, match=rf"two parts are the loss twice: that of {one} and that of {other}"):
        registry.entries("loss")
    ours = r"imgrestore \(imgrestore.degradations.darken\)"
    with pytest.raises(PluginError, match=rf"the degradation darken: that of {ours} and that of {other}"):
        registry.find("degradation", "darken")


def test_recipes_of_a_file(mine: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(f'{MINE}\nRECIPES = "own"\n')
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "dim.toml").write_text(
        'extends = "resnet-denoise"\ndegradation = [{ kind = "one-of", among = [{ kind = "dimming" }] }]\n'
    )
    imgrestore.load_plugin(mine)
    assert named_recipes().keys() - shipped_recipes().keys() == {"dim"}
    recipe = load_recipe("dim")
    assert recipe.plugins == {"degradation dimming": "mine.py"}, "that inside of another is found, too"
    (tmp_path / "other.py").write_text('RECIPES = "own"\n')
    imgrestore.load_plugin(tmp_path / "other.py")
    with pytest.raises(PluginError, match=f"the recipe dim: that of {mine} and that of {tmp_path / 'other.py'}"):
        named_recipes()


def test_neither_recipes_nor_weights_load_a_plugin(mine: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "dim.toml"
    recipe.write_text('extends = "resnet-denoise"\nplugins = ["mine.py"]\n')
    with pytest.raises(RecipeError, match="unknown key 'plugins'"):
        load_recipe(str(recipe))
    weights = tmp_path / "net.safetensors"
    save_weights(weights, {}, Card("as-is", {}, plugins={"model as-is": str(mine), "nonsense": "x"}))
    with pytest.raises(WeightsError, match="which is not here"):
        choose(str(weights))
    assert plugins.files() == () and not registry.known("model", "as-is")
    save_weights(weights, {}, Card("as-is", {}))
    with pytest.raises(WeightsError) as told:
        choose(str(weights))
    assert told.value.hint == "install the plugin that has it, or give its file: --plugin FILE.py"


WRONG = """
from imgrestore.parts import register_loss, register_model

@register_loss
def half(restored, gt):
    return 0.5

@register_model(task="denoise", default_scale=1, trained=False)
def nothing(scale: float = 1):
    return None

@register_model(task="denoise", default_scale=1, trained=False)
def failing(scale: float = 1):
    return 1 / 0
"""


def test_parts_that_are_none_are_told_in_one_line(tmp_path: Path) -> None:
    from imgrestore.losses.contract import Loss

    path = tmp_path / "wrong.py"
    path.write_text(WRONG)
    imgrestore.load_plugin(path)
    tried: list[tuple[Any, str]] = [
        (lambda: check(Loss, {"kind": "half"}), "loss half of .* is no Loss"),
        (lambda: build("nothing", {}), "model nothing of .* builds no RestorationModel"),
        (lambda: build("failing", {}), "model failing of .* fails .ZeroDivisionError"),
    ]
    for use, said in tried:
        with pytest.raises(ImgrestoreError, match=said):
            use()


def test_a_distribution_whose_module_is_gone_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = tmp_path / "gone-2.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: gone\nVersion: 2.0\n")
    (about / "entry_points.txt").write_text("[imgrestore.parts]\nparts = gone.parts\n")
    listed = run("models", "list", cwd=tmp_path, env={"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"})
    assert listed.returncode == 0
    left_out = "warning: plugin gone 2.0: it names the module gone.parts, which is not there; it is left out"
    assert listed.stderr.splitlines() == [left_out]
