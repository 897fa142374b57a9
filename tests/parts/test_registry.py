import pytest

from imgrestore.errors import UnknownNameError
from imgrestore.parts import registry


@pytest.mark.parametrize("kind", ["model", "loss", "degradation"])
def test_everything_listed_can_be_loaded_and_is_documented(kind: str) -> None:
    entries = registry.entries(kind)
    assert entries
    for name, entry in entries.items():
        assert callable(entry.load())
        assert entry.summary.endswith((".", ":")) or "," in entry.summary, f"{kind} {name} has no summary"


def test_facts_of_models() -> None:
    models = registry.models()
    assert {"nearest", "bicubic", "lanczos", "resnet-sr"} <= models.keys()
    assert models["resnet-sr"].scales == (2, 4)
    assert models["resnet-sr"].default_scale == 4
    assert models["resnet-sr"].trained
    assert not models["bicubic"].trained


def test_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match="'bicubick'; did you mean 'bicubic'"):
        registry.find_model("bicubick")
    with pytest.raises(UnknownNameError, match="no loss is named"):
        registry.find("loss", "l11")
