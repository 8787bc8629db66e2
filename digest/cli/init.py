"""``digest init``: a new installation from flags, or from a few questions on a terminal."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import time
from pathlib import Path
from typing import Annotated

import typer

from digest.actions import first, setup
from digest.app import open_app
from digest.cli._context import options_of, start_logging
from digest.cli._output import print_line
from digest.cli.run import poll_line
from digest.config import load_config
from digest.config.load import DEFAULT_PATH
from digest.errors import UsageError
from digest.text.counting import counted

Terms = Annotated[
    list[str] | None,
    typer.Option("--interest", "-i", help="A term or phrase; repeat it, or separate by commas."),
]
Imports = Annotated[
    list[Path] | None,
    typer.Option(
        "--import",
        help="Interests from a file: BibTeX, RIS, Zotero export, Google Scholar alert mails, "
        "zotero-arxiv-daily or arxiv-sanity settings; may be repeated.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(init)


def init(
    context: typer.Context,
    profile: Annotated[str, typer.Argument(help="Name of the first profile.")] = "me",
    folder: Annotated[
        Path, typer.Option("--dir", help="Where the files go.")
    ] = DEFAULT_PATH.parent,
    address: Annotated[str, typer.Option(help="Who gets the digest.")] = "",
    interest: Terms = None,
    author: Annotated[list[str] | None, typer.Option(help="Name of an author to follow.")] = None,
    category: Annotated[list[str] | None, typer.Option(help="arXiv category, as cs.LG.")] = None,
    text: Annotated[str, typer.Option(help="What you work on, in your own words.")] = "",
    import_files: Imports = None,
    orcid: Annotated[str, typer.Option(help="Your ORCID id: interests from your works.")] = "",
    zotero: Annotated[
        str, typer.Option(help="Zotero user number or groups/NUMBER; key in DIGEST_ZOTERO_KEY.")
    ] = "",
    relay: Annotated[str, typer.Option(help=f"Way out: {', '.join(setup.RELAYS)}.")] = "",
    host: Annotated[str, typer.Option(help="The relay's host, where the preset's is not it.")] = "",
    user: Annotated[str, typer.Option(help="Login of the relay.")] = "",
    password_file: Annotated[str, typer.Option(help="File that holds its password.")] = "",
    sender: Annotated[str, typer.Option(help="Address in From.")] = "",
    base_url: Annotated[str, typer.Option(help="Public address of the pages.")] = "",
    time_zone: Annotated[str, typer.Option(help="IANA zone, as Europe/Berlin.")] = "",
    send_time: Annotated[str, typer.Option(help="Local time of the digest.")] = "07:30",
    ask: Annotated[
        bool, typer.Option("--ask/--no-ask", help="Ask for what is missing, on a terminal.")
    ] = True,
    send: Annotated[
        bool, typer.Option("--send", help="Then fetch papers and mail a first digest.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over files.")] = False,
) -> None:
    """Write config/digest.toml and a first profile, commented, from flags or a few questions.

    Nothing is asked where standard input is no terminal. Nothing is written over without --force.
    With --send it ends by fetching today's papers and mailing a first digest of them.
    """
    answers = setup.Answers(
        profile=profile,
        address=address,
        terms=_split(interest),
        authors=_split(author),
        categories=_split(category),
        text=text,
        imports=_imports(import_files, orcid, zotero),
        relay=relay or "file",
        host=host,
        user=user,
        password_file=password_file,
        sender=sender,
        base_url=base_url,
        time_zone=time_zone or _local_zone(),
        send_time=_clock_time(send_time),
    )
    asks = ask and sys.stdin.isatty()
    answers = _with_address(_ask(answers, relay_given=bool(relay)) if asks else answers)
    written = setup.write(folder, answers, force=force)
    _report(written, answers)
    if send or (asks and _wants_first(answers)):
        _send_first(context, written, answers)


def _with_address(answers: setup.Answers) -> setup.Answers:
    """Take the address that an imported configuration mails to, where none was given."""
    found = [given.address for given in answers.imports if given.address]
    return answers if answers.address or not found else replace(answers, address=found[0])


def _wants_first(answers: setup.Answers) -> bool:
    needs_password = setup.RELAYS[answers.relay].logs_in and not answers.password_file
    if not answers.address or needs_password:
        return False
    return typer.confirm("Fetch papers and mail a first digest now?", default=True)


def _send_first(context: typer.Context, written: setup.Written, answers: setup.Answers) -> None:
    config = load_config(written.config)
    start_logging(context, config)
    print_line("\nAsking the sources:")
    with open_app(config, now=options_of(context).now) as app:
        done = first.send_first(
            app, answers.profile, on_progress=lambda poll: print_line(f"  {poll_line(poll)}")
        )
    for line in done.sent.lines:
        print_line(line)
    if not done.is_ok:
        print_line("No papers were mailed: `digest doctor` says what to look at.")
        raise typer.Exit(1)


def _report(written: setup.Written, answers: setup.Answers) -> None:
    print_line(f"Written: {written.config}")
    print_line(f"Written: {written.profile}")
    for path in written.libraries:
        print_line(f"Written: {path}")
    for imported in answers.imports:
        print_line(
            f"  from {imported.origin}: {counted(imported.papers, 'paper')}, "
            f"{counted(len(imported.terms), 'term')}, {counted(len(imported.authors), 'author')}, "
            f"{counted(len(imported.categories), 'category', 'categories')}"
        )
    option = "" if written.config == DEFAULT_PATH else f"-c {written.config} "
    if written.todo:
        print_line("\nStill to do:")
        for line in written.todo:
            print_line(f"  - {line}")
    print_line("\nNext:")
    print_line(f"  digest {option}doctor               check sources, relay and DNS")
    print_line(f"  digest {option}poll                 fetch today's papers")
    print_line(f"  digest {option}preview {answers.profile:<12} look at the mail; nothing is sent")
    print_line(f"  digest {option}send {answers.profile:<15} mail a first digest now")
    print_line(f"  digest {option}serve                every morning from now on")


def _imports(files: list[Path] | None, orcid: str, zotero: str) -> tuple[setup.Imported, ...]:
    found = [setup.read_import(_bytes_of(path), name=path.name) for path in files or ()]
    if orcid:
        found.append(setup.from_orcid(orcid))
    if zotero:
        found.append(setup.from_zotero(zotero, key=os.environ.get("DIGEST_ZOTERO_KEY", "")))
    return tuple(found)


def _ask(answers: setup.Answers, *, relay_given: bool) -> setup.Answers:
    """Ask for what the flags left open; an empty line keeps what is there."""
    if not answers.address:
        answers = replace(answers, address=_prompt("Your mail address"))
    if not answers.terms and not answers.imports:
        answers = replace(
            answers, terms=_split([_prompt("Interests, separated by commas (terms or phrases)")])
        )
    if not answers.categories:
        answers = replace(
            answers, categories=_split([_prompt("arXiv categories, such as cs.LG, cs.CL")])
        )
    answers = replace(answers, time_zone=_prompt("Time zone", answers.time_zone))
    answers = replace(
        answers,
        send_time=_clock_time(_prompt("Time of day", answers.send_time.strftime("%H:%M"))),
    )
    if not relay_given:
        print_line(f"Ways out for mail: {', '.join(setup.RELAYS)}")
        answers = replace(answers, relay=_prompt("Relay", answers.relay))
    preset = setup.RELAYS.get(answers.relay)
    if preset and preset.logs_in:
        print_line(f"  {preset.needs}")
        if not answers.user:
            fallback = preset.user or answers.address
            answers = replace(answers, user=_prompt("Login of the relay", fallback))
        if not answers.sender:
            answers = replace(answers, sender=_prompt("Sender address", answers.address))
    return answers


def _prompt(question: str, default: str = "") -> str:
    return str(typer.prompt(question, default=default, show_default=bool(default))).strip()


def _split(values: list[str] | None) -> tuple[str, ...]:
    parts = (part.strip() for value in values or () for part in value.split(","))
    return tuple(dict.fromkeys(part for part in parts if part))


def _clock_time(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError as exc:
        raise UsageError(f"send time: expected a time of day such as 07:30, not {text!r}") from exc


def _local_zone() -> str:
    """Return this machine's zone by the name that /etc/localtime points to."""
    if zone := os.environ.get("TZ", "").lstrip(":"):
        return zone if "/" in zone or zone == "UTC" else "UTC"
    target = str(Path("/etc/localtime").resolve())
    return target.partition("/zoneinfo/")[2] or "UTC"


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise UsageError(f"{path}: cannot be read: {exc.strerror or exc}") from exc
