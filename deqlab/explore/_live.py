"""Explorables under ipywidgets controls: for a running kernel, never for a stored output."""

import html
from collections.abc import Callable
from typing import Any

from deqlab.explore._explorable import Explorable


def live(make: Callable[..., Explorable], **controls: Any) -> Any:
    """Return ipywidgets controls that draw an explorable anew at every change.

    The picture is the explorable's still one, and every change runs ``make`` in the kernel. Use it
    to explore values that the figure's own controls do not offer. Do not store the output: without
    a kernel its controls are dead.

    Parameters
    ----------
    make : callable
        A function of this package that returns an explorable, such as `cobweb`, or your own.
    **controls
        One control for each keyword argument of make, in the notation of `ipywidgets.interact`:
        a tuple ``(low, high, step)`` for a slider, a list for a choice, or a widget.

    Returns
    -------
    ipywidgets.VBox
        Shown by a notebook when it is the value of a cell. A `ValueError` of make is shown in place
        of the picture.

    Raises
    ------
    ImportError
        If ipywidgets is not installed.
    ValueError
        If there is no control, or one is in no notation that ipywidgets knows.

    Examples
    --------
    >>> live(cobweb, map=["cos", "tanh"], a=(0.0, 2.0, 0.05))  # doctest: +SKIP
    """
    try:
        import ipywidgets
    except ImportError as error:
        raise ImportError("live needs ipywidgets: pip install ipywidgets") from error
    if not controls:
        raise ValueError("live has no control; pass one for an argument of make, as in a=(0, 2, 1)")
    widgets = {name: _control(ipywidgets, name, given) for name, given in controls.items()}
    picture = ipywidgets.HTML()

    def render(change: Any = None) -> None:
        try:
            picture.value = make(**{name: w.value for name, w in widgets.items()}).still()
        except ValueError as error:
            picture.value = f"<p>{html.escape(str(error))}</p>"

    for widget in widgets.values():
        widget.observe(render, names="value")
    render()
    return ipywidgets.VBox([*widgets.values(), picture])


def _control(ipywidgets: Any, name: str, given: Any) -> Any:
    widget = ipywidgets.interactive.widget_from_abbrev(given)
    if widget is None:
        raise ValueError(
            f"{name} is {given!r}; expected (low, high, step), a list of choices or a widget"
        )
    widget.description = name
    return widget
