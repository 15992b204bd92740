"""The words, the picture and the arguments of *tanh map in the plane*."""

import math
import re

import pytest

from deqlab.explore import tanh_plane
from deqlab.explore._fate import judge
from deqlab.explore._plane import Spectrum, fixed_points
from deqlab.explore._stories import PRESETS


@pytest.mark.parametrize(
    ("preset", "kind", "words"),
    [
        ("contraction", "contraction", "‖W‖ = 0.80 < 1, so every start converges"),
        ("rotation", "contraction", "‖W‖ = 0.90 < 1"),
        ("transient", "converges", "ρ(W) = 0.90 < 1, though ‖W‖ = 1.89; |eₖ| first grows"),
        ("nilpotent", "converges", "(1.00, 0.95), one of 3 that attract, of 5 fixed points"),
        ("relu", "converges", "one of 2 that attract, of 3 fixed points; not certified"),
        ("several", "converges", "one of 2 that attract, of 5 fixed points"),
        ("cycle", "cycle", "settles on a 2-cycle (−0.93, −0.70) ↔ (0.93, 0.70)"),
        ("circling", "bounded", "stays bounded without settling"),
    ],
)
def test_every_preset_tells_its_story(preset: str, kind: str, words: str) -> None:
    assert words in tanh_plane(preset).alt
    state = PRESETS[preset]
    is_pair = state["pair"] == "complex"
    p, q = (state["radius"], state["angle"]) if is_pair else (state["l1"], state["l2"])
    spectrum, b = Spectrum(is_pair, p, q, state["c"], state["turn"]), (state["b1"], state["b2"])
    fixed = fixed_points(state["activation"], spectrum.matrix(), b)
    start = (state["x"], state["y"])
    assert judge(state["activation"], spectrum, b, start, fixed).verdict.kind == kind


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"eigenvalues": (1.0, 0.5)}, "one of a line of fixed points"),
        ({"eigenvalues": (1.0, 0.5), "offset": (1.0, 1.0)}, "ρ(W) = 1 and the orbit grows"),
        ({"radius": 1.0, "angle": 90}, "ρ(W) = 1, so the orbit repeats for ever, a 4-cycle"),
        ({"radius": 1.0, "angle": 180}, "a 2-cycle (−0.40, 0.60) ↔ (0.40, −0.60)"),
        ({"radius": 1.0, "angle": 1}, "neither decays nor grows"),
        ({"radius": 1.01, "angle": 30}, "passes one million at step 1422, as ρ(W) = 1.01 > 1"),
        ({"radius": 2.0, "angle": 30, "start": (0.0, 0.0)}, "lands on the repelling fixed point"),
        ({"eigenvalues": (2.0, 0.5), "turn": 0, "start": (0.0, 1.0)}, "lands on the saddle"),
        ({"activation": "tanh", "eigenvalues": (1.0, 1.0)}, "creeps towards (0.00, 0.00)"),
        ({"activation": "relu", "eigenvalues": (2.0, 2.0)}, "diverges: |zₖ| passes one million"),
    ],
)
def test_every_other_fate_has_its_words(arguments: dict[str, object], words: str) -> None:
    figure = tanh_plane("transient", nonnormality=0, **arguments)  # type: ignore[arg-type]
    assert words in figure.alt


@pytest.mark.parametrize(
    ("eigenvalues", "c", "words"),
    [
        ((0.94, 0.81), 0.2, "contraction: ‖W‖ = 0.99996 < 1"),
        ((0.92, 0.86), 0.2, "not certified, ‖W‖ = 1.000003"),
        ((0.6, 0.0), 0.8, "not certified, ‖W‖ = 1.00"),
        ((0.5, 0.0), 0.0, "contraction: ‖W‖ = 0.50 < 1"),
    ],
)
def test_a_norm_beside_one_is_told_from_one(
    eigenvalues: tuple[float, float], c: float, words: str
) -> None:
    assert words in tanh_plane(eigenvalues=eigenvalues, nonnormality=c).alt


def test_an_argument_that_changes_the_map_makes_it_your_own() -> None:
    assert tanh_plane("cycle").config["state"]["preset"] == "cycle"
    assert tanh_plane("cycle", start=(1, 1), steps=5).config["state"]["preset"] == "cycle"
    assert tanh_plane("cycle", turn=30).config["state"]["preset"] == "cycle"
    assert tanh_plane("cycle", turn=31).config["state"]["preset"] == "own"


def test_the_picture_marks_fixed_points_by_kind() -> None:
    picture = tanh_plane("nilpotent").picture
    assert picture.count('<circle class="dx-attracting"') == 3
    assert picture.count('<circle class="dx-saddle"') == 2
    assert re.findall(r'dx-green"[^>]*>([^<]*)<', picture) == list("12345")
    assert ">z*<" in tanh_plane("contraction").picture
    assert ">‖W‖ = 10.00<" in picture


def test_the_caption_lists_the_fixed_points() -> None:
    caption = tanh_plane("relu").caption
    points = "1 (0.00, 0.00) attracting, 2 (1.00, 0.00) saddle, 3 (3.00, 0.50) attracting."
    assert caption.endswith(f" Fixed points: {points}")
    assert "Fixed points" not in tanh_plane("rotation").caption


def test_the_orbit_drawn_has_the_steps_asked_for() -> None:
    for steps in (1, 7, 60):
        drawn = tanh_plane(steps=steps).picture.split('class="dx-orbit" d="')[1].split('"')[0]
        assert drawn.count("L") == steps


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"preset": "chaos"}, ValueError, "preset is 'chaos'; choose one of contraction, rotation"),
        ({"activation": "sine"}, ValueError, "activation is 'sine'; choose one of tanh, relu"),
        ({"eigenvalues": (3, 0)}, ValueError, "eigenvalues is 3; expected a number from -2.5"),
        ({"eigenvalues": 0.5}, TypeError, "eigenvalues is 0.5; expected a pair of numbers"),
        ({"eigenvalues": (0.5,)}, TypeError, "eigenvalues is (0.5,); expected a pair"),
        ({"eigenvalues": (0, 0), "radius": 1}, ValueError, "give the two real eigenvalues or the"),
        ({"radius": -0.1}, ValueError, "radius is -0.1; expected a number from 0 to 2.5"),
        ({"radius": 0.555}, ValueError, "radius is 0.555; expected a multiple of 0.01"),
        ({"angle": 181}, ValueError, "angle is 181; expected an integer from 0 to 180"),
        ({"angle": 30.0}, TypeError, "angle is 30.0; expected an integer"),
        ({"nonnormality": 0.25}, ValueError, "nonnormality is 0.25; expected a multiple of 0.1"),
        ({"nonnormality": math.nan}, ValueError, "nonnormality is nan; expected a number from"),
        ({"turn": 91}, ValueError, "turn is 91; expected a number from -90 to 90"),
        ({"offset": (0, "1")}, TypeError, "offset is '1'; expected a real number"),
        ({"start": (2, 0)}, ValueError, "start is 2; expected a number from -1.5 to 1.5"),
        ({"steps": 0}, ValueError, "steps is 0; expected an integer from 1 to 60"),
        ({"steps": True}, TypeError, "steps is True; expected an integer"),
    ],
)
def test_bad_input_is_named(
    arguments: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        tanh_plane(**arguments)  # type: ignore[arg-type]
    assert message in str(caught.value)
