"""Which answers are run apart from the others: those that reach beyond their own names."""

from pathlib import Path

import pytest

from deqlab.course.assembly import given_sources
from deqlab.course.exercise import read_exercise
from deqlab.course.matching import defined
from deqlab.course.reaching import reaches_out
from deqlab.course.variants import read_variants

ROOT = Path(__file__).parents[2]
GIVEN = {"A", "data"}


@pytest.mark.parametrize(
    "source",
    [
        "np.abs = abs",
        "np.random.seed = None",
        "def f():\n    np.linalg.solve = None",
        "sum = 0",
        "A = 1",
        "del data",
        "for data in range(3): pass",
        "%reset -f",
        "!true",
        "def f(:",
        "exec('x = 1')",
        "get_ipython().run_cell('1')",
        "globals()['A'] = 1",
        "setattr(np, 'abs', abs)",
        "import threading",
        "import ctypes.util",
        "from builtins import print",
        "import signal as s",
    ],
)
def test_reaches_out(source):
    assert reaches_out(source, GIVEN)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "def f(x):\n    y = x + A\n    return y",
        "def f(x):\n    A = x\n    sum = 0\n    return A + sum",
        "import numpy as np\nfrom scipy import linalg",
        "class C:\n    def __init__(self):\n        self.x = 1",
        "class C:\n    pass\nc = C()\nc.x = 1",
        "def f(layer):\n    layer.weight.grad = None\n    return layer",
        "def f(x):\n    x = x.copy()\n    x[0] = 1\n    return x",
    ],
)
def test_keeps_to_itself(source):
    assert not reaches_out(source, GIVEN)


@pytest.mark.parametrize("path", sorted((ROOT / "solutions").glob("sol*.ipynb")), ids=str)
def test_no_honest_answer_is_run_apart(path):
    exercise = read_exercise(path)
    given = set().union(*(defined(source) or () for source in given_sources(exercise)))
    for question in exercise.questions:
        variants = read_variants(ROOT / "tests" / "grading" / "mutants", question)
        for source in (question.answer.source, *(variant.source for variant in variants)):
            assert not reaches_out(source, given)
