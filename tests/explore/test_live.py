"""Explorables under ipywidgets controls."""

import sys

import pytest

from deqlab.explore import cobweb, live

pytest.importorskip("ipywidgets")


def test_a_control_redraws_the_picture() -> None:
    panel = live(cobweb, map=["tanh", "cos"], a=(0.0, 2.0, 0.05))
    choice, slider, picture = panel.children
    assert picture.value == cobweb("tanh", a=slider.value).still()
    choice.value = "cos"
    slider.value = 0.35
    assert picture.value == cobweb("cos", a=0.35).still()


def test_a_value_that_the_explorable_refuses_is_explained() -> None:
    slider, picture = live(cobweb, a=(0.0, 9.0, 0.5)).children
    slider.value = 9.0
    assert picture.value == "<p>a is 9.0; expected a number from 0 to 3</p>"


def test_live_needs_a_control() -> None:
    with pytest.raises(ValueError, match="live has no control"):
        live(cobweb)
    with pytest.raises(ValueError, match=r"a is None; expected \(low, high, step\)"):
        live(cobweb, a=None)


def test_the_error_without_ipywidgets_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(ImportError, match="pip install ipywidgets"):
        live(cobweb, a=(0.0, 1.0, 0.1))
