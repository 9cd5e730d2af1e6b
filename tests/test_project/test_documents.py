"""Every code block of README.md and docs/ does what it says.

- ``python`` blocks of a document run one after the other, in one process and an empty folder.
  A block that ends in ``experiment.main()`` is an experiment file: it is trained for an update.
- ``bash`` blocks run as they stand, in a folder with a copy of experiments/. What would take
  long or needs what a test has not is narrowed by programs that come first on the PATH:
  `raylab train` and `python experiments/...` train for one update, `raylab resume` for another;
  `raylab evaluate` plays one game; `raylab profile` looks at two seconds of short updates;
  `raylab doctor --cluster` looks, whatever it finds; `make` only resolves its targets; `ray submit` and `ray job submit` check that the script exists and takes the
  arguments, `ray up`, `exec` and `down` that the cluster file is whole, without a cluster.
  All share the tests' cluster.
- README.md's are run by every `make test`, those of docs/ by `make test-slow`.
- ``text``, ``json``, ``yaml`` and the like are not run.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NOT_RUN = {"text", "json", "yaml", "toml", "html", "diff"}
ONE_UPDATE = (
    "--until.agent-steps 1 --evaluation.episodes 1 --evaluation.random-baseline-episodes 0 "
    "--placement.threads 1 --placement.address"
)
ANOTHER_UPDATE = "--until.agent-steps 300 --placement.address"
LIMIT_S = 400


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    line: int

    @property
    def is_experiment(self) -> bool:
        return "experiment.main()" in self.text


def blocks(path: Path) -> list[Block]:
    content = path.read_text(encoding="utf-8")
    found = re.finditer(r"^```([\w-]*)[^\n]*\n(.*?)^```", content, re.MULTILINE | re.DOTALL)
    return [Block(m[1], m[2], content[: m.start()].count("\n") + 1) for m in found]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def documents_with(language: str) -> list[Any]:
    """The documents with such blocks; those below docs/ are slow."""
    return [
        pytest.param(path, marks=[] if path.parent == ROOT else [pytest.mark.slow], id=name(path))
        for path in DOCUMENTS
        if any(block.language == language for block in blocks(path))
    ]


def run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Run to the end and expect success; at the limit the whole session of processes is ended."""
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGTERM)  # raylab stops its runs and its cluster
            output, _ = process.communicate(timeout=30)
            pytest.fail(f"{' '.join(command)}\ntook more than {LIMIT_S} s\n{output}")
    assert process.returncode == 0, f"{' '.join(command)}\n{output}"


@pytest.fixture
def workplace(cluster, tmp_path):
    """A folder with experiments/ and, first on the PATH, programs that narrow what is long."""
    shutil.copytree(ROOT / "experiments", tmp_path / "experiments")
    shutil.copy(ROOT / "cluster.yaml", tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()
    python, raylab = sys.executable, f'"{sys.executable}" -m raylab.cli'
    scripts = {
        "raylab": f"""
            case "$1" in
              train) exec {raylab} "$@" {ONE_UPDATE} $ADDRESS ;;
              resume) exec {raylab} "$@" {ANOTHER_UPDATE} $ADDRESS ;;
              evaluate) exec {raylab} "$@" --episodes 1 ;;
              profile) exec {raylab} "$@" --seconds 2 --algorithm.unroll-length 16 ;;
              sweep) exec {raylab} "$@" --address $ADDRESS --until.agent-steps 1 --evaluation.episodes 0 ;;
              doctor) {raylab} "$@" || [ $? = 1 ] ;;
              *) exec {raylab} "$@" ;;
            esac""",
        "python": f"""
            case "$1" in
              experiments/*) exec "{python}" "$@" {ONE_UPDATE} $ADDRESS ;;
              *) exec "{python}" "$@" ;;
            esac""",
        "make": f'exec {shutil.which("make")} -C "{ROOT}" --dry-run "$@" > /dev/null',
        "ray": f"""
            case "$1" in
              get-auth-token) exit 0 ;;
              up | exec | down) exec "{python}" -c "
import pathlib
from raylab.runtime import cluster_file
cluster_file.read(pathlib.Path('$2'))" ;;
            esac
            while [ $# -gt 0 ] && [[ "$1" != experiments/* ]]; do shift; done
            [ $# -gt 0 ] && exec "{python}" "$@" --help > /dev/null""",
    }
    for program, script in scripts.items():
        (programs / program).write_text(f"#!/bin/bash\nset -eu\n{script}\n")
        (programs / program).chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "ADDRESS": cluster.address,
    }
    return tmp_path, environment


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_block_says_its_language(path):
    unknown = [
        f"{name(path)}:{block.line}: ```{block.language}"
        for block in blocks(path)
        if block.language not in NOT_RUN | {"python", "bash"}
    ]

    assert unknown == []


@pytest.mark.timeout(LIMIT_S + 60)
@pytest.mark.parametrize("path", documents_with("python"))
def test_python_blocks_run(path, workplace):
    folder, environment = workplace
    found = [block for block in blocks(path) if block.language == "python"]
    session = [block for block in found if not block.is_experiment]
    # Blank lines put each block where it stands, so that a traceback names the document's line.
    program = ""
    for block in session:
        program += "\n" * (block.line - program.count("\n")) + block.text
    script = folder / f"{path.stem}.py"
    script.write_text(program, encoding="utf-8")

    if session:
        run([sys.executable, "-W", "error", str(script)], folder, environment)
    for block in found:
        if block.is_experiment:
            (folder / "experiment.py").write_text(block.text, encoding="utf-8")
            options = [*ONE_UPDATE.split(), environment["ADDRESS"]]
            command = [sys.executable, "experiment.py", *options, "--seeds", "1"]
            run(command, folder, environment)


@pytest.mark.timeout(LIMIT_S + 60)
@pytest.mark.parametrize("path", documents_with("bash"))
def test_bash_blocks_run(path, workplace):
    folder, environment = workplace
    script = "\n".join(block.text for block in blocks(path) if block.language == "bash")

    run(["bash", "-euo", "pipefail", "-c", script], folder, environment)


def test_links_lead_somewhere():
    links = [
        (path, target)
        for path in DOCUMENTS
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text(encoding="utf-8"))
    ]

    assert [f"{name(p)}: {t}" for p, t in links if not (p.parent / t).exists()] == []
