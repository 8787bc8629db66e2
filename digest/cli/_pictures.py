"""Write a picture into a file: SVG as it is, PNG with the extra ``charts``."""

from __future__ import annotations

from pathlib import Path

from digest.errors import UsageError


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
    out.write_bytes(bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=2)))
