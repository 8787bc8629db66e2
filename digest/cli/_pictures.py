"""Write a picture into a file: SVG as it is, PNG with the extra ``charts``."""

from __future__ import annotations

from pathlib import Path

from digest.errors import UsageError

FAMILIES = (
    "DejaVu Sans", "Noto Sans", "Liberation Sans", "Arial", "Helvetica", "Helvetica Neue",
    "Segoe UI", "Roboto", "Open Sans", "Ubuntu", "Cantarell", "FreeSans", "Nimbus Sans", "Lato",
    "Noto Sans CJK SC",
)  # fmt: skip
"""Fonts without serifs of the usual systems, those with the most signs first."""
_SAMPLE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20" font-family="sans-serif">'
    '<text x="2" y="15">{}</text></svg>'
)


def write_picture(svg: str, out: Path, *, option: str = "--out") -> None:
    """Write an SVG text as .svg, or drawn as .png. Raises UsageError for any other name."""
    if out.suffix == ".svg":
        out.write_text(svg, encoding="utf-8")
        return
    if out.suffix != ".png":
        raise UsageError(f"{option}: expected a name that ends in .svg or .png, not {out.name!r}")
    try:
        import resvg_py  # noqa: PLC0415 - an extra: not everybody has it
    except ImportError as exc:
        raise UsageError("PNG needs: pip install 'paper-digest[charts]' (or write .svg)") from exc

    def drawn(text: str, family: str) -> bytes:
        return bytes(resvg_py.svg_to_bytes(svg_string=text, zoom=2, sans_serif_family=family))

    # A font that is not there is left out without a word: the renderer's own default too.
    blank = drawn(_SAMPLE.format(""), FAMILIES[0])
    family = next((one for one in FAMILIES if drawn(_SAMPLE.format("Ag"), one) != blank), None)
    if family is None:
        raise UsageError(
            f"{option}: PNG needs a font such as DejaVu Sans, and none is installed here "
            "(Debian: apt install fonts-dejavu-core), or write .svg"
        )
    out.write_bytes(drawn(svg, family))
