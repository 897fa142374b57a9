import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from imgrestore.errors import ImgrestoreError, RecipeError
from imgrestore.recipes import shipped_recipes
from imgrestore.recipes.recipe import load_recipe
from imgrestore.recipes.schema import recipe_schema


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_shipped_recipes_are_valid(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name and recipe.summary and recipe.loss and recipe.degradation


def test_extending_and_overriding() -> None:
    recipe = load_recipe("resnet-sr-x2", ["steps=7", "batch=3", "width=8", "optimizer.learning_rate=2e-4"])
    assert recipe.dimensions == {"scale": 2, "width": 8, "blocks": 6}
    assert recipe.training.steps == 7 and recipe.data.batch == 3 and recipe.optimizer.learning_rate == 2e-4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("stpes=7", r"--set stpes: the recipe has no such key; did you mean 'steps'"),
        ("training.stpes=7", r"unknown key 'training.stpes'; did you mean 'steps'"),
        ("trainig.steps=7", r"unknown key 'trainig'; did you mean 'training'"),
        ("steps=0", r"'training.steps': .*greater than or equal to 1.*got 0"),
        ("steps=many", r"'training.steps': .*got 'many'"),
        ("optimizer.kind=adma", r"'optimizer.kind'"),
        ("optimizer.betas=[1.5, 0.9]", r"'optimizer.betas.0': .*less than 1"),
        ("optimizer.betas=[0.9, -0.1]", r"'optimizer.betas.1': .*greater than or equal to 0"),
        ("steps", r"not of the form key=value"),
        ("training.ema=nan", r"'training.ema'"),
        ("loss.0.kind=charbonier", r"'loss.0.kind': no loss is named 'charbonier'; did you mean 'charbonnier'"),
        ("loss.0.wieght=2", r"unknown key 'loss.0.wieght'; did you mean 'weight'"),
        ("block=2", r"the recipe has no such key"),
        ("loss.3.weight=2", r"'3' is not a table"),
        ("schedule.kind=cosin", r"'schedule.kind': no schedule is named 'cosin'; did you mean 'cosine'"),
        ("data.kind=photo", r"'data.kind': no dataset is named 'photo'; did you mean 'photos'"),
        ("degradation.0.scale=99", r"'degradation.0.scale': .*less than or equal to 16"),
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
        ('extends = "resnet-sr-x4"\n[[loss]]\nkind = "l1"\nweight = "a"', "'loss.0.weight': .*valid number"),
        ('extends = "resnet-sr-x4"\n[[loss]]\nweight = 1', "'loss.0.kind': missing; it is one of"),
        ('extends = "resnet-sr-x4"\n[[degradation]]\nkind = "downsample"\nscale = 0', "'degradation.0.scale'"),
        ('[training]\nsteps = 1\n[model]\nkind = "resnet-sr"', "'degradation'"),
        ('extends = "resnet-sr-x4"\n[model]\nwidth = 8\ndepth = 3', "unknown key 'model.depth'"),
        ('extends = "resnet-sr-x4"\nname = "../x"', "'name'"),
        ('extends = "resnet-sr-x4"\n[training]\nsteps = 3\nepochs = 2', "give one of steps, epochs and minutes"),
        ('extends = "resnet-sr-x4"\n[[loss]]\nkind = "sfl-log"', "sfl-log does not see the brightness"),
        (
            'extends = "resnet-sr-x4"\n[[degradation]]\nkind = "regional"\n[[degradation.inside]]\nkind = "gaus"',
            "'degradation.0.inside.0.kind': no degradation is named 'gaus'; did you mean",
        ),
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


def test_a_recipe_extends_the_one_beside_it(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text('extends = "resnet-sr-x4"\n[training]\nsteps = 77\n')
    (tmp_path / "mine.toml").write_text('extends = "base.toml"\n')
    assert load_recipe(str(tmp_path / "mine.toml")).training.steps == 77
    (tmp_path / "base.toml").write_text(f'extends = "../{tmp_path.name}/mine.toml"\n')
    with pytest.raises(RecipeError, match="extends itself"):
        load_recipe(str(tmp_path / "mine.toml"))


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_what_show_prints_trains_the_same_run(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name, ["steps=3", "seed=5"])
    (tmp_path / "shown.toml").write_text(recipe.to_toml())
    again = load_recipe(str(tmp_path / "shown.toml"))
    assert again == recipe and again.fingerprint() == recipe.fingerprint()


def test_a_key_that_several_tables_have_needs_its_table() -> None:
    with pytest.raises(ImgrestoreError, match="several tables") as caught:
        load_recipe("block-ae", ["block=24"])
    assert caught.value.hint == "write data.block or model.block"


def test_giving_epochs_takes_back_steps_and_another_kind_its_settings() -> None:
    recipe = load_recipe("resnet-sr-x4", ["epochs=3", "every_epochs=1", "schedule.kind=plateau", "patience=2"])
    assert (recipe.training.steps, recipe.training.epochs) == (None, 3)
    assert (recipe.validation.every, recipe.validation.every_epochs) == (None, 1)
    assert recipe.schedule.kind == "plateau" and recipe.schedule.patience == 2


def test_the_schema_accepts_every_recipe_and_refuses_mistakes() -> None:
    schema = recipe_schema()
    validator = jsonschema.Draft202012Validator(schema)
    for name in shipped_recipes():
        table = json.loads(json.dumps(load_recipe(name).to_table()))
        validator.validate(table)
    table = json.loads(json.dumps(load_recipe("resnet-sr-x4").to_table()))
    for path, value in ((("loss", 0, "kind"), "nothing"), (("training", "stpes"), 3), (("model", "width"), "wide")):
        wrong: Any = json.loads(json.dumps(table))
        owner = wrong
        for step in path[:-1]:
            owner = owner[step]
        owner[path[-1]] = value
        assert not validator.is_valid(wrong), path


def test_a_recipe_says_every_dimension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.toml").write_text(
        '[model]\nkind = "resnet-sr"\n[[degradation]]\nkind = "downsample"\nscale = 4\n'
        '[[loss]]\nkind = "l1"\n[training]\nsteps = 1'
    )
    assert load_recipe("x.toml").dimensions == {"scale": 4, "width": 48, "blocks": 6}
