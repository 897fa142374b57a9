"""The structure that docs/architecture.md describes, held by reading every import."""

import ast
import pkgutil
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import imgrestore
import processes
from imgrestore import codecs

PACKAGE = Path(imgrestore.__file__).parent
LAYERS = [
    set(names.split())
    for names in (
        "errors",
        "files image parts",
        "codecs degradations drawing models",
        "datasets losses metrics optimization weights",
        "recipes engine automatic",
        "provenance evaluation api",
        "batch training",
        "cli",
    )
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
OWNERS = {
    "pyvips": {"codecs"},
    "PIL": {"codecs", "drawing"},
    "pi_heif": {"codecs"},
    "skimage": {"metrics"},
    "pytorch_msssim": {"metrics"},
    "pydantic": {"parts", "recipes"},
    "tomli_w": {"recipes"},
    "cv2": {"degradations"},
    "matplotlib": {"training"},
    "jinja2": {"training"},
    "tensorboard": {"training"},
    "safetensors": {"weights", "training"},
    "rich": {"cli"},
    "typer": {"cli"},
}


def sources() -> list[Path]:
    return [path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or not path.stem.startswith("__")]


def component(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    own = component(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "imgrestore" and len(parts) > 1 and parts[1] in LEVEL:
            below = LEVEL[parts[1]] < LEVEL[own]
            beside = LEVEL[parts[1]] == LEVEL[own]
            assert below or beside, f"{own} (layer {LEVEL[own]}) imports {parts[1]} (layer {LEVEL[parts[1]]})"


def test_no_circles_inside_a_layer() -> None:
    edges = {
        (component(path), name.split(".")[1]) for path in sources() for name in imports(path) if "imgrestore." in name
    }
    beside = {(a, b) for a, b in edges if a != b and b in LEVEL and LEVEL[a] == LEVEL[b]}
    reached = dict.fromkeys(LEVEL, 0)
    for _ in range(len(LEVEL)):
        for a, b in beside:
            reached[a] = max(reached[a], reached[b] + 1)
    assert max(reached.values()) < len(LEVEL), f"imports in a circle among {sorted(beside)}"


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_library_has_one_owner(path: Path) -> None:
    for name in imports(path):
        library = name.split(".")[0]
        assert component(path) in OWNERS.get(library, {component(path)}), f"{library} is imported outside its owner"


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_console_prints(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Call)]
    prints = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
    assert not prints
    if path.name not in ("console.py", "batch.py"):
        assert "sys.stdout.write" not in path.read_text()


def test_the_document_says_what_each_room_imports() -> None:
    table = (Path(__file__).parents[1] / "docs" / "architecture.md").read_text("utf-8")
    told = {
        name: (int(level), set(below.split(", ")) - {"–"})
        for level, name, below in re.findall(r"^\| (\d) \| `(\w+)` \|.*\| ([\w, –]+) \|$", table, re.MULTILINE)
    }
    found = {name: (level, set[str]()) for name, level in LEVEL.items()}
    for path in sources():
        own = component(path)
        names = (name.split(".") for name in imports(path))
        found[own][1].update(
            parts[1] for parts in names if parts[0] == "imgrestore" and parts[1:2] and parts[1] in LEVEL
        )
        found[own][1].discard(own)
    assert told == found


def test_every_file_belongs_to_a_layer() -> None:
    assert {component(path) for path in sources()} == set(LEVEL)


def test_modules_stand_in_rooms() -> None:
    alone = {path.stem for path in PACKAGE.glob("*.py")}
    assert alone == {"__init__", "__main__", "errors", "files"}
    for room in PACKAGE.iterdir():
        if room.is_dir() and any(room.rglob("*.py")):  # an installed package holds the weights, too
            assert ast.get_docstring(ast.parse((room / "__init__.py").read_bytes())), f"{room} does not say what it is"


@pytest.mark.parametrize("package", [imgrestore, codecs], ids=lambda package: package.__name__)
def test_no_name_imported_when_used_is_that_of_a_module(package: ModuleType) -> None:
    """Whoever imports the module first would put it in the name's place."""
    beside = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert not beside & set(package._HOMES)


def test_no_file_is_called_utils_and_all_are_short() -> None:
    for path in sources():
        assert "util" not in path.stem and "helper" not in path.stem
        assert len(path.read_text().splitlines()) <= 360, f"{path} is too long to read from top to bottom"


@pytest.mark.parametrize("arguments", [["--help"], ["models", "list"], ["recipes", "list"], ["--version"]])
def test_quick_answers_do_not_import_torch(arguments: list[str]) -> None:
    code = (
        "import sys; sys.argv = ['imgrestore', *sys.argv[1:]]\n"
        "from imgrestore.cli.app import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'torch', 'numpy', 'skimage', 'PIL'} & sys.modules.keys(), sys.modules.keys()"
    )
    done = processes.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_public_names_are_there() -> None:
    for name in imgrestore.__all__:
        assert getattr(imgrestore, name) is not None
    with pytest.raises(AttributeError):
        _ = imgrestore.nothing_of_the_kind
