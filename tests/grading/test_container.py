"""The container recipe: what can be said of it without an engine to run it."""

import json
import os
import re
import subprocess

import pytest

from deqlab.cli import main

INSTRUCTIONS = {"FROM", "WORKDIR", "COPY", "RUN", "USER", "ENTRYPOINT"}
ENGINE = '#!/bin/sh\nprintf "%s\\n" "$@"\n'


@pytest.fixture
def containerfile(root):
    text = (root / "container" / "Containerfile").read_text()
    joined = re.sub(r"\\\n", " ", text)
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    return [line.split(maxsplit=1) for line in lines]


def started(root, tmp_path, engine, *options):
    """What the script would start."""
    fake = tmp_path / engine
    fake.write_text(ENGINE)
    fake.chmod(0o755)
    (tmp_path / "sub missions").mkdir()
    done = subprocess.run(
        [root / "container" / "grade.sh", "sub missions", "out", *options],
        cwd=tmp_path,
        env=os.environ | {"ENGINE": str(fake)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_the_containerfile_has_known_instructions_and_existing_sources(root, containerfile):
    assert {name for name, _ in containerfile} <= INSTRUCTIONS
    assert containerfile[0][0] == "FROM"
    for name, rest in containerfile:
        if name == "COPY":
            *sources, _ = rest.split()
            assert all((root / source).exists() for source in sources)


def test_the_containerfile_holds_what_the_package_is_built_from(root, containerfile):
    copied = {source for name, rest in containerfile if name == "COPY" for source in rest.split()}
    project = (root / "pyproject.toml").read_text()
    for needed in ("_config.yml", "tools/packaging.py", "artifacts/manifest.json", "README.md"):
        assert needed in project
        assert needed in copied


def test_the_container_runs_the_grader_and_not_as_root(containerfile):
    last = dict(containerfile)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last["USER"])
    assert json.loads(last["ENTRYPOINT"])[:2] == ["deqlab", "grade"]


@pytest.mark.parametrize("engine", ["podman", "docker"])
def test_the_script_draws_the_boundary(root, tmp_path, engine):
    words = started(root, tmp_path, engine, "--seed", "7")
    line = " ".join(words)
    for option in (
        "--network none",
        "--read-only",
        "--cap-drop all",
        "--security-opt no-new-privileges",
        "--pids-limit",
        "--memory 8g --memory-swap 8g",
        f"--volume {tmp_path / 'sub missions'}:/submissions:ro",
        f"--volume {tmp_path / 'out'}:/grades:rw",
        "--seed 7",
    ):
        assert option in line
    assert ("unmask=ALL" in line) == (engine == "podman")
    assert "--privileged" not in line
    options = words[words.index("deqlab-grading") + 1 :]
    with pytest.raises(SystemExit) as stop:  # every option is one of deqlab grade's
        main(["grade", "/submissions", "--out", "/grades", *options, "--help"])
    assert stop.value.code == 0


def test_the_script_says_how_it_is_used(root):
    done = subprocess.run(
        [root / "container" / "grade.sh"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "usage:" in done.stderr
