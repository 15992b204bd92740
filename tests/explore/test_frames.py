"""Matplotlib figures with a slider, and the book's style."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from deqlab.explore import Explorable, frames

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")
import matplotlib.pyplot as plt  # noqa: E402


@pytest.fixture(autouse=True)
def _style() -> Iterator[None]:
    with plt.style.context("deqlab.explore.book"):
        yield


def draw(power: int) -> Any:
    figure, axes = plt.subplots()
    z = np.linspace(0, 1, 50)
    axes.plot(z, z**power)
    axes.set_xlabel("z")
    return figure


def figure_of_powers() -> Explorable:
    return frames(draw, [1, 2, 3], label="power p", alt="The power z^{} on [0, 1]", start=1)


def test_frames_are_the_same_every_time() -> None:
    assert figure_of_powers()._repr_html_() == figure_of_powers()._repr_html_()
    assert "<metadata" not in figure_of_powers().picture  # no date, no version
    assert matplotlib.__version__ not in figure_of_powers().picture


def test_every_frame_has_its_picture_text_alternative_and_readout() -> None:
    figure = figure_of_powers()
    parts = figure.config["frames"]
    assert [frame["alt"] for frame in parts] == [f"The power z^{p} on [0, 1]" for p in (1, 2, 3)]
    assert [frame["readout"] for frame in parts] == ["1", "2", "3"]
    assert len({frame["src"] for frame in parts}) == 3
    assert all(frame["src"].startswith("data:image/svg+xml,<svg") for frame in parts)


def test_the_chosen_frame_is_visible_without_scripts() -> None:
    figure = figure_of_powers()
    assert figure.alt == "The power z^2 on [0, 1]"
    assert f'alt="{figure.alt}"' in figure.still()
    ElementTree.fromstring(figure.picture)


def test_rounding_the_paths_moves_nothing_by_a_hundredth_of_a_point() -> None:
    from io import StringIO

    exact = StringIO()
    with plt.rc_context({"svg.fonttype": "path", "svg.hashsalt": "deqlab"}):
        draw(2).savefig(exact, format="svg")
    plt.close("all")
    pattern = r' d="([^"]*)"'
    pairs = zip(
        re.findall(pattern, exact.getvalue()),
        re.findall(pattern, figure_of_powers().picture),
        strict=True,
    )
    for before, after in pairs:
        old, new = (np.array(re.findall(r"-?[\d.]+", d), float) for d in (before, after))
        assert np.abs(old - new).max() < 0.01


def test_the_description_states_the_size() -> None:
    figure = figure_of_powers()
    kilobytes = len(figure._repr_html_().encode()) / 1000
    assert repr(figure).startswith(f"power p, 3 frames ({kilobytes:.0f} kB)")


def test_text_alternative_and_readout_may_be_functions() -> None:
    figure = frames(
        draw, [1, 2], label="p", alt=lambda p: f"line {p}", readout=lambda p: f"p = {p}"
    )
    assert [frame["alt"] for frame in figure.config["frames"]] == ["line 1", "line 2"]
    assert figure.config["frames"][1]["readout"] == "p = 2"


def test_figures_are_closed() -> None:
    figure_of_powers()
    assert plt.get_fignums() == []


def dense(seed: int) -> Any:
    figure, axes = plt.subplots()
    axes.plot(*np.random.default_rng(seed).normal(size=(2, 20_000)))
    return figure


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: frames(draw, [1], label="p", alt="{}"), ValueError, "values has 1 elements"),
        (lambda: frames(draw, range(61), label="p", alt="{}"), ValueError, "values has 61"),
        (lambda: frames(draw, [1, 2], label=" ", alt="{}"), ValueError, "label is ' '"),
        (lambda: frames(draw, [1, 2], label="p", alt="same"), ValueError, "a different text"),
        (lambda: frames(draw, [1, 2], label="p", alt="{}", start=2), ValueError, "start is 2"),
        (
            lambda: frames(lambda p: None, [1, 2], label="p", alt="{}"),
            TypeError,
            "returned a NoneType; expected a matplotlib Figure",
        ),
        (lambda: frames(dense, [1, 2], label="p", alt="{}"), ValueError, "more than 1000 kB"),
    ],
)
def test_bad_input_is_named(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()
    plt.close("all")


def test_the_book_style_is_colour_blind_safe_and_opaque() -> None:
    settings = matplotlib.rcParams
    assert settings["axes.prop_cycle"].by_key()["color"][:3] == ["#0072B2", "#D55E00", "#009E73"]
    assert settings["figure.facecolor"] == settings["savefig.facecolor"] == "white"
    assert settings["font.family"] == ["DejaVu Sans"]
    assert settings["svg.hashsalt"] == "deqlab"
    assert not settings["axes.spines.top"]
