"""An exercise is released only if its tests can tell right from wrong."""

import pytest

from deqlab.cli import main
from deqlab.course.commands import RELEASE
from deqlab.course.errors import CourseError
from deqlab.course.variants import read_variants
from deqlab.course.verification import verify

MEAN_REGION = """    ### BEGIN SOLUTION
    return float(np.sum(x) / len(x))
    ### END SOLUTION"""


@pytest.mark.slow
def test_a_sound_exercise_passes(toy, variants):
    found = verify(toy.exercise, variants)
    assert found.problems == []
    assert len(found.lines) == 1 + 18


@pytest.mark.slow
@pytest.mark.parametrize(
    ("label", "old", "new", "problem"),
    [
        (  # the scored cell cannot tell a mutant from the solution
            "cube-scored",
            'emit(f"n = {n}", cube(rng.normal(size=n)))',
            'emit(f"n = {n}", cube(abs(rng.normal(size=n))))',
            "toy-cube/mutant-2 (number 2) gets full points",
        ),
        (  # a stub that passes: the region holds nothing that is needed
            "mean",
            MEAN_REGION,
            "    return float(np.mean(x))\n\ndef helper():\n" + MEAN_REGION,
            "toy-mean: the stub is ok, 2 of 2 points",
        ),
        (  # a solution that fails its own check
            "root-check",
            "== 2.0",
            "== 3.0",
            "toy-root: the solution fails the public check",
        ),
        (  # a check that the stub passes
            "cube-check",
            'close("the cube of 2", lambda: cube(np.array([2.0])), [8.0], hint=1),\n'
            '    holds("it is odd", lambda: cube(-1.5) == -cube(1.5), hint=2),',
            'holds("one is one", lambda: 1 == 1),',
            "toy-cube: the stub passes the public check",
        ),
    ],
    ids=["blind scored cell", "idle stub", "failing solution", "empty check"],
)
def test_an_unsound_exercise_is_refused(toy, variants, label, old, new, problem):
    cell = toy.cell(label)
    assert old in cell.source
    cell.source = cell.source.replace(old, new)
    assert any(problem in found for found in verify(toy.exercise, variants).problems)


@pytest.mark.parametrize(
    ("path", "source", "message"),
    [
        ("toy-cube/mutant-3.py", None, "3 distinct mistakes"),
        ("toy-cube/mutant-3.py", "# mistake: number 0\n", "3 distinct mistakes"),
        ("toy-cube/right-1.py", None, "1 right answers"),
        ("toy-cube/mutant-9.py", "# mistake: new\n# hint: 9\n", "the hint is '9'"),
        ("toy-cube/mutant-9.py", "def cube(x): pass", "begin '# mistake: '"),
        ("toy-cube/other.py", "# mistake: none", "call it"),
    ],
)
def test_too_few_variants_are_refused(toy, variants, path, source, message):
    if source is None:
        (variants / path).unlink()
    else:
        (variants / path).write_text(source)
    with pytest.raises(CourseError, match=message):
        read_variants(variants, toy.exercise.questions[0])


@pytest.mark.slow
def test_the_command_releases_what_is_sound_and_reports_drift(toy, variants, tmp_path, capsys):
    out = tmp_path / "exercises"
    arguments = ["release", str(toy.write()), "--out", str(out), "--mutants", str(variants)]
    assert main([*arguments, "--check"]) == 1
    assert f"run: {RELEASE}" in capsys.readouterr().out
    assert main(arguments) == 0
    assert "toy-cube/mutant-0: " in capsys.readouterr().out
    assert main([*arguments, "--check"]) == 0
    toy.cell("imports").source += "\nx = 1"
    toy.write()
    assert main([*arguments, "--check"]) == 1
    toy.cell("root-check").source = toy.cell("root-check").source.replace("2.0", "3.0")
    toy.write()
    released = (out / "ex00-toy.ipynb").read_text()
    assert main(arguments) == 1
    assert "refused: toy-root" in capsys.readouterr().out
    assert (out / "ex00-toy.ipynb").read_text() == released
