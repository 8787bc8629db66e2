"""Take the README's pictures: a real edition and the pages, light, dark and at phone width.

``python tests/pictures/take.py`` needs a Chromium. The edition is one of the recorded days where
these are at hand (see tests/corpus.py), of the demonstration otherwise.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import recorded
from playwright.sync_api import Browser, sync_playwright

from digest.actions.run import run
from digest.app import open_app
from digest.config import load_config
from digest.demo.play import play
from digest.demo.servers import take_mail
from digest.web.serving import serving

HERE = Path(__file__).parent
LOOKS = {
    "light": ("light", 720),
    "dark": ("dark", 720),
    "phone": ("dark", 390),
}
"""Name -> colour scheme, width in CSS pixels."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--days", type=int, default=3, help="recorded days to play")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        folder = Path(name)
        if recorded.HERE:
            config, mail = play_recorded(folder, given.days)
        else:
            played = play(folder / "demo")
            config, mail = played.config, played.mails[-1].html
        take(browser, mail.as_uri(), "edition", given.out)
        now = recorded.FIRST + timedelta(days=given.days)
        with (
            open_app(load_config(config), now=now) as app,
            serving(app, host="127.0.0.1", port=0) as port,
        ):
            take(browser, f"http://127.0.0.1:{port}/", "page", given.out)
        browser.close()


def play_recorded(folder: Path, days: int) -> tuple[Path, Path]:
    """Play so many recorded days; return the configuration and one reader's last mail."""
    with recorded.replaying() as url, take_mail(folder / "mails") as (mailbox, port):
        config = recorded.write_installation(folder, url, port)
        for day in range(days):
            now = recorded.FIRST + timedelta(days=day)
            recorded.move_to(url, now)
            mailbox.prefix = f"{day}-"
            with open_app(load_config(config), now=now) as app:
                run(app)
        last = [mail.html for mail in mailbox.mails if mail.recipient.startswith("lars")]
    return config, last[-1]


def take(browser: Browser, address: str, name: str, out: Path) -> None:
    """Picture one page in each look, from the top down."""
    for look, (scheme, width) in LOOKS.items():
        page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 1000})
        page.goto(address)
        page.screenshot(path=out / f"{name}-{look}.png")
        page.close()


if __name__ == "__main__":
    main()
