"""PNG files show the text of the SVG, or a missing font is named."""

import pytest

from digest.cli import _pictures
from digest.errors import UsageError

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="40" font-family="sans-serif">'
    '<text x="5" y="25">{}</text></svg>'
)


def test_a_png_shows_its_text(tmp_path):
    for name, text in (("one", "papers"), ("other", "digest"), ("empty", "")):
        _pictures.write_picture(SVG.format(text), tmp_path / f"{name}.png")
    contents = {path.read_bytes() for path in tmp_path.glob("*.png")}
    assert len(contents) == 3


def test_a_missing_font_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(_pictures, "FAMILIES", ("No Such Font", "Nor This One"))
    with pytest.raises(UsageError, match="DejaVu Sans"):
        _pictures.write_picture(SVG.format("papers"), tmp_path / "one.png")
    assert not (tmp_path / "one.png").exists()
