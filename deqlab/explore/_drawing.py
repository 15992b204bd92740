"""What the still pictures share: numbers as text, labels that find room, marks and the style.

``drawing.js`` does the same in the browser. Positions are in the units of the picture.
"""

import math
from itertools import pairwise

Point = tuple[float, float]
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

STYLE = """
text{font:14px "DejaVu Sans",Verdana,sans-serif}
.dx-paper{fill:#fff}.dx-grid{stroke:#e3e6ea;fill:none}.dx-frame{stroke:#5b6570;fill:none}
.dx-diagonal{stroke:#5b6570;stroke-width:1.5;fill:none}
.dx-curve{stroke:#0072b2;stroke-width:3;fill:none}
.dx-axis{stroke:#0072b2;stroke-width:2;fill:none}
.dx-area{fill:#0072b2;fill-opacity:.12}
.dx-ring{stroke:#5b6570;stroke-opacity:.4;fill:none}
.dx-orbit{stroke:#c04a00;stroke-width:1.8;fill:none;stroke-linejoin:round}
.dx-dots{stroke:#c04a00;stroke-width:5;stroke-linecap:round;fill:none}
.dx-lower{stroke:#00724f;stroke-width:2;fill:none}
.dx-other{stroke:#8e3aa8;stroke-width:2;fill:none}
.dx-points{stroke-width:5;stroke-linecap:round}.dx-faint{opacity:.25}
.dx-dashed{stroke-dasharray:6 4}
.dx-dot,.dx-grip,.dx-red{fill:#c04a00}
.dx-attracting,.dx-core,.dx-green{fill:#00724f}.dx-repelling,.dx-saddle,.dx-marginal{fill:#fff}
.dx-attracting,.dx-repelling,.dx-saddle,.dx-marginal{stroke:#00724f;stroke-width:2.5}
.dx-cross{stroke:#c04a00;stroke-width:3.5;stroke-linecap:round;fill:none}
.dx-nought{stroke:#0072b2;stroke-width:2.5;fill:#fff}
.dx-halo{paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}
.dx-minor{fill:#5b6570}.dx-blue{fill:#0072b2}.dx-purple{fill:#8e3aa8}
"""


def number(z: float, digits: int = 4) -> str:
    """Return z in fixed notation with a minus sign, or as a power of ten if it is large."""
    if abs(z) >= 1e5:
        return ("−" if z < 0 else "") + size(abs(z))
    text = f"{z:.{digits}f}"
    return (text if float(text) else text.lstrip("-")).replace("-", "−")


def beside_one(z: float) -> str:
    """Return z with two decimals, or with as many as tell it from 1, up to eight."""
    digits = 2
    while digits < 8 and z != 1 and float(f"{z:.{digits}f}") == 1:
        digits += 1
    return number(z, digits)


def size(z: float) -> str:
    """Return z >= 0 to three decimals, or as a power of ten where that says too little."""
    if z == 0 or not math.isfinite(z):
        return "0" if z == 0 else "∞"
    if 0.01 <= z < 1000:
        return f"{z:.3f}"
    mantissa, exponent = f"{z:.1e}".split("e")
    return f"{mantissa} × {power(int(exponent))}"


def power(exponent: int) -> str:
    """Return a power of ten as text."""
    return "10" + str(exponent).translate(SUPERSCRIPTS)


def picture(width: int, height: int, scene: str) -> str:
    """Return the scene as an SVG document with the style of a still picture."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}"><style>{STYLE}</style>'
        f'<rect class="dx-paper" width="{width}" height="{height}"/>{scene}</svg>'
    )


def text_at(colour: str, x: float, y: float, text: str, anchor: str = "start") -> str:
    return (
        f'<text class="dx-halo dx-{colour}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
        f"{text}</text>"
    )


def circle(name: str, x: float, y: float, radius: float) -> str:
    return f'<circle class="dx-{name}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"/>'


def disc(kind: str, x: float, y: float) -> str:
    """Return the mark of a fixed point: filled if attracting, hollow if repelling, or between."""
    core = circle("core", x, y, 2) if kind == "marginal" else ""
    return circle(kind, x, y, 6) + core


def line(points: list[Point]) -> str:
    """Return the path data of a polyline."""
    return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points)


def dotted(points: list[Point]) -> str:
    """Return the path data of a dot at every point."""
    return "".join(line([point]) + "h0" for point in points)


def axes(
    window: tuple[float, float], tick: float, left: float, top: float, side: float
) -> tuple[str, str]:
    """Return the grid, as path data inside a square, and the numbers of its axes outside it."""
    low, high = window
    grid = ticks = ""
    for k in range(math.ceil(low / tick), math.floor(high / tick) + 1):
        text = number(k * tick, 1 if tick % 1 else 0)
        x = (k * tick - low) / (high - low) * side
        grid += f"M{x:.1f},0V{side}M0,{side - x:.1f}H{side}"
        ticks += text_at("minor", left + x, top + side + 20, text, "middle")
        ticks += text_at("minor", left - 8, top + side - x + 5, text, "end")
    return grid, ticks


def along(corners: list[Point]) -> list[Point]:
    """Return points at most 4 units apart along a line."""
    points = []
    for (x, y), (next_x, next_y) in pairwise(corners):
        pieces = math.floor(max(abs(next_x - x), abs(next_y - y)) / 4) + 1
        points += [
            (x + (next_x - x) * k / pieces, y + (next_y - y) * k / pieces) for k in range(pieces)
        ]
    return points


def around(x: float, y: float, width: float) -> list[Point]:
    """Return the places for a text about a point, near ones first."""
    return [
        (x + across * gap - width * (1 - across) / 2, y + 5 + down * (gap + 7))
        for gap in (12, 24, 40)
        for across, down in ((1, 0), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1), (0, -1), (0, 1))
    ]


def label(colour: str, text: str, taken: list[Point], spots: list[Point], frame: Point) -> str:
    """Return a text at an uncrowded spot in the frame, and take that place; early spots go first.

    Four places further down the list weigh as much as one more point that is covered.
    """
    width = 8 * len(text)

    def crowd(k: int) -> float:
        x, y = spots[k]
        inside = 4 <= x <= frame[0] - 4 - width and 18 <= y <= frame[1] - 8
        over = sum(x - 3 < p < x + width + 3 and y - 14 < q < y + 6 for p, q in taken)
        return over + k / 4 if inside else over + k / 4 + 1000

    x, y = spots[min(range(len(spots)), key=crowd)]
    taken += [(x + 8 * k, y + j) for k in range(len(text) + 2) for j in (2, -10)] * 5
    return text_at(colour, x, y, text)
