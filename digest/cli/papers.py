"""``digest papers``: what the store holds, and one paper's whole story."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Annotated, Any

import typer

from digest.actions import papers, searching
from digest.actions.search_index import SearchIndex
from digest.actions.searching import SearchPage
from digest.cli._context import AsJson, opened
from digest.cli._days import a_day
from digest.cli._output import print_line, print_table, show
from digest.model import Paper
from digest.store.search import Filters
from digest.store.stories import Doubt, RecordNote, Story
from digest.text.counting import counted

Day = Annotated[
    date | None, typer.Option(parser=a_day, metavar="DAY", help="First (or only) day, in UTC.")
]
Until = Annotated[date | None, typer.Option(parser=a_day, metavar="DAY", help="Last day.")]
Key = Annotated[str, typer.Argument(help="An id in any form: arxiv:2401.01234, a DOI, an address.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(invoke_without_command=True, help="List papers, or look at one.")
    group.callback()(list_papers)
    group.command("search")(search)
    group.command("show")(show_paper)
    group.command("merge")(merge)
    group.command("split")(split)
    group.command("doubts")(doubts)
    group.command("differ")(differ)
    group.command("prune")(prune)
    app.add_typer(group, name="papers")


def list_papers(
    context: typer.Context,
    since: Day = None,
    until: Until = None,
    source: Annotated[str, typer.Option(help="Only what this source announced.")] = "",
    new: Annotated[bool, typer.Option("--new", help="Only what was news.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 200,
    as_json: AsJson = False,
) -> None:
    """List the papers first seen today, or on the named days; newest first."""
    if context.invoked_subcommand:
        return
    with opened(context) as app:
        found = papers.listed(
            app, first_on=since, last_on=until, source=source, only_new=new, limit=limit
        )
    show(found, as_json=as_json, human=_print_list)
    if len(found) == limit and not as_json:
        print_line("These are the newest; there may be more: --limit")


def search(
    context: typer.Context,
    query: Annotated[list[str], typer.Argument(help='Words, "a phrase", -without.')],
    since: Day = None,
    until: Until = None,
    source: Annotated[str, typer.Option(help="Only what this source announced.")] = "",
    category: Annotated[str, typer.Option(help="Only this category, such as cs.LG.")] = "",
    page: Annotated[int, typer.Option(min=1, max=10_000, help="Which page, from 1 on.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Search all papers by words and meaning, the best match first."""
    filters = Filters(source=source, category=category, first_on=since, last_on=until)
    with opened(context) as app:
        found = searching.find(app, SearchIndex(app), " ".join(query), filters=filters, page=page)
    show(found, as_json=as_json, human=_print_found)


def show_paper(context: typer.Context, key: Key, as_json: AsJson = False) -> None:
    """Tell a paper's whole story: sightings, ids, versions, merges, signals."""
    with opened(context) as app:
        story = papers.show(app, key)
    show(story, as_json=as_json, human=_print_story)


def merge(
    context: typer.Context,
    key: Key,
    other: Key,
    force: Annotated[
        bool, typer.Option("--force", help="Even if both have an id of one scheme.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make two papers one; `digest papers split` takes it back."""
    with opened(context) as app:
        done = papers.merge(app, key, other, force=force)
    show(
        done,
        as_json=as_json,
        human=lambda one: print_line(
            f"{one.absorbed_key} is part of {one.kept.key} now "
            f"(undo with: digest papers split {one.merge_id})"
        ),
    )


def doubts(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List pairs of papers that may be one, until you merge them or say that they differ."""
    with opened(context) as app:
        found = papers.doubts(app, limit=limit)
    show(found, as_json=as_json, human=_print_doubts)


def differ(context: typer.Context, key: Key, other: Key, as_json: AsJson = False) -> None:
    """Say that two papers are different ones: nothing joins them, and the doubt is gone."""
    with opened(context) as app:
        done = papers.differ(app, key, other)
    show(
        done,
        as_json=as_json,
        human=lambda one: print_line(f"{one.first.key} and {one.second.key} are two papers"),
    )


def split(
    context: typer.Context,
    merge_id: Annotated[int, typer.Argument(help="Number of the merge, from `papers show`.")],
    as_json: AsJson = False,
) -> None:
    """Take a merge apart; the two are never joined again by themselves."""
    with opened(context) as app:
        done = papers.split(app, merge_id)
    show(
        done,
        as_json=as_json,
        human=lambda one: print_line(f"{one.first.key} and {one.second.key} are two papers again"),
    )


def prune(
    context: typer.Context,
    days: Annotated[int | None, typer.Option(min=1, help="Days to keep.")] = None,
    as_json: AsJson = False,
) -> None:
    """Remove old papers for good; they are never announced again."""
    with opened(context) as app:
        done = papers.prune(app, days=days)
    show(
        done,
        as_json=as_json,
        human=lambda one: print_line(
            f"{counted(one.papers, 'paper')} older than {one.before:%Y-%m-%d} removed"
        ),
    )


def _print_list(found: Sequence[Paper]) -> None:
    print_table(
        ("key", "first seen", "title", "sources"),
        (
            (one.key, f"{one.first_seen_at:%Y-%m-%d %H:%M}", one.title, ", ".join(one.sources))
            for one in found
        ),
    )
    print_line(counted(len(found), "paper"))


def _print_found(found: SearchPage) -> None:
    for one in found.corrections:
        print_line(f'No paper has "{one.typed}"; searched for "{one.meant}".')
    print_table(
        ("key", "announced", "title"),
        ((one.paper.key, one.announced_on, one.paper.title) for one in found.entries),
    )
    pages = f", page {found.page} of {found.pages}" if found.pages > 1 else ""
    print_line(f"{counted(found.total, 'paper')}{pages}")


def _print_doubts(found: Sequence[Doubt]) -> None:
    for one in found:
        print_line(f"{one.key}  {one.title}")
        print_line(f"{one.other_key}  {one.other_title}")
        pair = shlex.join((one.key, one.other_key))
        print_line(f"  digest papers merge {pair}")
        print_line(f"  digest papers differ {pair}")
    print_line(f"{len(found)} pairs in doubt")


def _print_story(story: Story) -> None:
    paper = story.paper
    print_line(paper.title)
    print_line(f"  {paper.key}  {paper.url}")
    print_line(f"  {', '.join(author.name for author in paper.authors)}")
    print_line(f"  {', '.join(_dates(story))}")
    if paper.withdrawn:
        print_line("  withdrawn")
    _section(
        "ids", [(one.key, one.asserted_by and f"claimed by {one.asserted_by}") for one in story.ids]
    )
    _section(
        "sightings",
        [(f"{one.announced_on}", one.source, one.announce_type) for one in story.sightings],
    )
    _section("records", [(one.source, one.native_id, _changes(one)) for one in story.records])
    _section("versions", [(f"{one.scheme} v{one.number}", one.title) for one in story.versions])
    _section("events", [(f"{one.at:%Y-%m-%d %H:%M}", one.kind) for one in story.events])
    _section("links", [(one.kind, one.key, one.title) for one in story.relations])
    _section(
        "merges",
        [
            (
                f"{one.merge_id}",
                f"{one.at:%Y-%m-%d %H:%M}",
                f"{one.absorbed_key} into {one.kept_key}",
                f"{one.reason} ({one.said_by})" if one.said_by else one.reason,
                _undone(one.undone_at),
            )
            for one in story.merges
        ],
    )
    _section(
        "signals",
        [
            (f"{one.observed_at:%Y-%m-%d %H:%M}", one.kind, f"{one.value:g}")
            for one in story.signals
        ],
    )
    _section("fields from", list(story.provenance.items()))


def _changes(record: RecordNote) -> str:
    times = {0: "", 1: "changed once"}.get(record.changes, f"changed {record.changes} times")
    return f"{times}: no longer followed" if record.is_noise else times


def _dates(story: Story) -> Iterator[str]:
    """Yield when the paper became public, was first seen, and was news, or why it never was."""
    paper, kinds = story.paper, {event.kind: event.at for event in reversed(story.events)}
    if paper.published_at:
        yield f"published {paper.published_at:%Y-%m-%d}"
    first_seen_at = min((one.first_seen_at for one in story.records), default=paper.first_seen_at)
    yield f"first seen {first_seen_at:%Y-%m-%d %H:%M}"
    if "new" in kinds:
        yield f"news on {kinds['new']:%Y-%m-%d %H:%M}"
    else:
        # The first of them says what it was at first sight; the same may happen to it later.
        yield next((_NO_NEWS[e.kind] for e in story.events if e.kind in _NO_NEWS), "never news")


_NO_NEWS = {
    "withdrawn": "never news: it was withdrawn",
    "published": "never news: its preprint, or what was published of it, was",
    "first-seen-late": "never news: all that was seen of it are replacements",
}


def _undone(at: Any) -> str:
    return f"undone {at:%Y-%m-%d %H:%M}" if at else ""


def _section(title: str, rows: Sequence[Sequence[str]]) -> None:
    if rows:
        print_line(f"{title}:")
        for row in rows:
            print_line("  " + "  ".join(cell for cell in row if cell))
