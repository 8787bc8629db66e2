"""Time composing against the obvious way, in one run.

    python tests/benchmarks/composing.py [--readers 60] [--rounds 5] [--json]

Each round composes one edition for every reader, in each way; ways are compared by the median of
their ratios within a round, so that a busy machine slows both. The fast ways have composed for
these readers before, as in a long run; what filling the caches costs is ``fast, nothing shared``.
The ways:

- ``fast``: the Composer; readers share papers, as they do.
- ``fast, checked``: the same with the lint that every edition passes before it is sent.
- ``fast, signed``: the same with an RSA-2048 DKIM signature.
- ``fast, nothing shared``: a new Composer's caches for each reader: every part is made anew.
- ``jinja``: whole Jinja2 rendering per reader with CSS inlined beforehand, then EmailMessage.
- ``jinja + premailer``: the same, but CSS is inlined into each reader's mail.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from premailer import Premailer

sys.path.insert(0, str(Path(__file__).parents[1]))

import slow_composer
from builders import a_paper, a_pick, a_profile, an_edition, an_edition_input

from digest.rendering import EditionInput
from digest.rendering.compose import Composer
from digest.rendering.dkim import Key, Signer
from digest.rendering.parts import find
from digest.rendering.templates import template_folders

Way = Callable[[EditionInput], bytes]


def readers(count: int, picks: int) -> list[EditionInput]:
    """Return editions of ``picks`` papers out of twice as many, another choice for each reader."""
    sentence = "We study how careful methods behave on large and small collections of things. "
    papers = {
        n: a_paper(n, title=f"Études of things, part {n}", abstract=sentence * 8)
        for n in range(1, 2 * picks + 1)
    }
    out: list[EditionInput] = []
    for reader in range(count):
        chosen = [(reader + offset) % len(papers) + 1 for offset in range(picks)]
        edition = an_edition(
            *(a_pick(n, reason=f"matches careful studies, term {n % 7}") for n in chosen)
        )
        base = an_edition_input(edition, papers=papers, recipient=f"reader{reader}@example.org")
        links = replace(
            base.links,
            unsubscribe=f"{base.links.unsubscribe}{reader}",
            view=f"{base.links.view}{reader}",
            feedback_base=f"{base.links.feedback_base}{reader}",
        )
        profile = a_profile(title=f"Profile {reader % 50}")
        out.append(replace(base, links=links, profile=profile))
    return out


def ways() -> dict[str, Way]:
    """Return every way, each giving a whole message."""
    fast = Composer()
    checked = Composer(fast.templates)
    key = Key(selector="r", private=generate_private_key(public_exponent=65537, key_size=2048))
    signed = Composer(fast.templates, dkim=Signer(domain="example.org", keys=(key,)))
    style = find(template_folders(), "mail/style.css")
    premailed = Inlining(fast.templates, style)
    return {
        "fast": lambda given: fast.compose(given).content,
        "fast, checked": lambda given: checked.compose_checked(given).content,
        "fast, signed": lambda given: signed.compose(given).content,
        "fast, nothing shared": lambda given: Composer(fast.templates).compose(given).content,
        "jinja": lambda given: slow_composer.message(fast.templates, given, "A subject"),
        "jinja + premailer": premailed,
    }


class Inlining:
    """The slow way with the style sheet put into each mail and inlined there."""

    def __init__(self, templates: Any, style: str) -> None:
        self._templates = templates
        self._style = f"<style>{style}</style></head>"

    def __call__(self, given: EditionInput) -> bytes:
        return slow_composer.message(self._templates, given, "A subject", inline=self._inline)

    def _inline(self, html: str) -> str:
        return str(
            Premailer(
                html=html.replace("</head>", self._style, 1),
                allow_network=False,
                strip_important=False,
                disable_validation=True,
                cssutils_logging_level=logging.CRITICAL,
            ).transform()
        )


def measured(given: list[EditionInput], rounds: int, made: dict[str, Way]) -> dict[str, Any]:
    """Return each way's time per message and its ratio to ``fast``."""
    times: dict[str, list[float]] = {name: [] for name in made}
    for name, way in made.items():
        for one in given if name.startswith("fast") else given[:1]:
            way(one)
    for _ in range(rounds):
        for name, way in made.items():
            # A slow way is timed over fewer readers: it costs the same for each.
            some = given if name.startswith("fast") else given[: max(3, len(given) // 10)]
            begun = time.perf_counter()
            for one in some:
                way(one)
            times[name].append((time.perf_counter() - begun) / len(some))
    return {
        name: {
            "milliseconds": round(1000 * statistics.median(taken), 3),
            "times_fast": round(
                statistics.median(t / f for t, f in zip(taken, times["fast"], strict=True)), 2
            ),
        }
        for name, taken in times.items()
    }


def main() -> None:
    """Run, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--readers", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found: dict[str, Any] = {}
    for picks in (10, 30):
        given = readers(asked.readers, picks)
        size = len(Composer().compose(given[0]).content)
        found[f"{picks} papers"] = {"bytes": size, **measured(given, asked.rounds, ways())}
    if asked.json:
        print(json.dumps(found, indent=2))
        return
    for title, rows in found.items():
        print(f"{title}, {rows.pop('bytes'):,} bytes")
        for name, row in rows.items():
            print(f"  {name:<24}{row['milliseconds']:>9.3f} ms {row['times_fast']:>8.2f}x")


if __name__ == "__main__":
    main()
