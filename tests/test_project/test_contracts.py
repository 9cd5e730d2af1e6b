"""The guards of the house hold, and would notice: layers, light imports, sizes, dependencies."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST_LINES = 600


@pytest.fixture
def house(tmp_path):
    """A toy raylab with every layer of the real one, checked by the real contracts."""
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    package = tmp_path / "raylab"
    for name in ("cli", "analysis", "experiment", "rl", "frame", "runtime"):
        (package / name).mkdir(parents=True)
        (package / name / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "errors.py").touch()
    (package / "runtime" / "cluster.py").write_text("import raylab.errors\nimport ray\n")
    return package


def broken_contracts(house: Path) -> str:
    program = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", program, "--no-cache"]
    return subprocess.run(
        command, cwd=house.parent, capture_output=True, text=True, check=False, timeout=60
    ).stdout


def test_a_house_in_order_passes(house):
    assert "0 broken" in broken_contracts(house)


@pytest.mark.parametrize(
    ("layer", "line"),
    [
        ("rl", "import raylab.frame"),
        ("frame", "import raylab.rl"),
        ("runtime", "import raylab.experiment"),
        ("experiment", "from raylab import cli"),
        ("rl", "import ray"),
        ("experiment", "from ray import tune"),
    ],
)
def test_a_wrong_import_is_found(house, layer, line):
    (house / layer / "__init__.py").write_text(line + "\n")

    assert "1 broken" in broken_contracts(house)


def test_a_room_that_the_design_does_not_know_is_found(house):
    (house / "utils").mkdir()
    (house / "utils" / "__init__.py").touch()

    assert "not listed as layers" in broken_contracts(house)


def test_importing_raylab_is_light():
    program = "import raylab, sys; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    modules = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    assert not {"ray", "torch", "pandas", "polars", "numpy"} & set(modules.stdout.split())


@pytest.mark.parametrize("folder", ["raylab", "experiments", "benchmarks", "tests"])
def test_no_file_is_too_long_to_read_at_once(folder):
    files = sorted((ROOT / folder).rglob("*.py"))
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files}

    assert files
    assert {name: count for name, count in lengths.items() if count > MOST_LINES} == {}


def test_every_dependency_is_pinned_and_explained():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(line for extra in extras for line in extra)]
    names = {re.match(r"[\w-]+", line)[0].lower() for line in wanted} - {"raylab-platform"}
    pins = (ROOT / "constraints.txt").read_text().lower().replace("_", "-").splitlines()
    decisions = (ROOT / "DECISIONS.md").read_text().lower()

    assert names - {pin.partition("==")[0] for pin in pins} == set()
    assert {name for name in names if f"`{name}`" not in decisions} == set()


def test_constraints_are_exact_versions_from_any_index():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]

    assert "torch==2.13.0" in pins
    assert [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.]+", pin)] == []
