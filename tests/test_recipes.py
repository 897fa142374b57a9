from pathlib import Path

import pytest

from imgrestore.errors import ImgrestoreError
from imgrestore.recipes import shipped_recipes
from imgrestore.recipes.recipe import load_recipe


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_shipped_recipes_are_valid(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name and recipe.summary and recipe.losses() and recipe.degradations()


def test_extending_and_overriding() -> None:
    recipe = load_recipe("resnet-sr-x2", ["steps=7", "batch=3", "width=8", "optimizer.learning_rate=2e-4"])
    assert recipe.dimensions == {"scale": 2, "width": 8, "blocks": 6}
    assert recipe.training.steps == 7 and recipe.data.batch == 3 and recipe.optimizer.learning_rate == 2e-4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("stpes=7", r"unknown key 'training.stpes'; did you mean 'steps'"),
        ("training.stpes=7", r"unknown key 'training.stpes'; did you mean 'steps'"),
        ("trainig.steps=7", r"unknown key 'trainig'; did you mean 'training'"),
        ("steps=0", r"'training.steps': .*greater than or equal to 1.*got 0"),
        ("steps=many", r"'training.steps': .*got 'many'"),
        ("optimizer.kind=adma", r"'optimizer.kind'"),
        ("steps", r"not of the form key=value"),
        ("training.ema=nan", r"'training.ema'"),
        ("model.kind=resnet-st", r"no model is named 'resnet-st'; did you mean 'resnet-sr'"),
    ],
)
def test_mistakes_name_the_key_and_the_nearest_right_one(change: str, message: str) -> None:
    with pytest.raises(ImgrestoreError, match=message):
        load_recipe("resnet-sr-x4", [change])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("this is not toml", "not a readable TOML"),
        ('extends = "x.toml"', "extends itself"),
        ('extends = "resnet-sr-x5"', "did you mean"),
        ('extends = "resnet-sr-x4"\n[[loss]]\nkind = "charbonier"', "did you mean 'charbonnier'"),
        ('extends = "resnet-sr-x4"\n[[loss]]\nkind = "charbonnier"\neps = 1', "unknown key 'loss.0.eps'"),
        ('extends = "resnet-sr-x4"\n[[loss]]\nkind = "l1"\nweight = "a"', "'loss.0.weight' must be a number"),
        ('extends = "resnet-sr-x4"\n[[loss]]\nweight = 1', "'loss.0.kind' is missing"),
        ('extends = "resnet-sr-x4"\n[[degradation]]\nkind = "downsample"\nscale = 0', "'degradation.0.scale'"),
        ('[training]\nsteps = 1\n[model]\nkind = "resnet-sr"', "'degradation'"),
        ('extends = "resnet-sr-x4"\n[model]\nwidth = 8\ndepth = 3', "unknown key 'model.depth'"),
        ('extends = "resnet-sr-x4"\nname = "../x"', "'name'"),
    ],
)
def test_bad_recipe_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.toml").write_text(text)
    with pytest.raises(ImgrestoreError, match=message) as caught:
        load_recipe("x.toml")
    assert "\n" not in str(caught.value)


def test_unknown_recipe() -> None:
    with pytest.raises(ImgrestoreError, match="did you mean 'resnet-sr-x4'"):
        load_recipe("resnet-sr-4x")


def test_a_recipe_says_every_dimension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.toml").write_text(
        '[model]\nkind = "resnet-sr"\n[[degradation]]\nkind = "downsample"\nscale = 4\n'
        '[[loss]]\nkind = "l1"\n[training]\nsteps = 1'
    )
    assert load_recipe("x.toml").dimensions == {"scale": 4, "width": 48, "blocks": 6}
