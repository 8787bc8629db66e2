import pytest
from builders import NOON
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import AddressError, UsageError
from digest.model import SubscriberStatus
from digest.subscribers.addresses import normalise
from digest.subscribers.lists import ListEntry, ListFormat, csv_line, read_list, write_list

CONFIRMED, UNSUBSCRIBED = SubscriberStatus.CONFIRMED, SubscriberStatus.UNSUBSCRIBED
LISTMONK = (
    "uuid,email,name,attributes,status,created_at,updated_at\r\n"
    'u1,ada@example.org,Ada,"{""team"": ""ml""}",enabled,2025-01-02T03:04:05Z,x\r\n'
    "u2,alan@example.org,Alan,{},disabled,x,x\r\n"
    "u3,eve@example.org,Eve,{},blocklisted,x,x\r\n"
)


def entry(address="ada@example.org", **changes):
    values = {"status": CONFIRMED, "profiles": ("ml",), "created_at": NOON, "confirmed_at": NOON}
    return ListEntry(address=address, **(values | changes))


def addresses(content, **options):
    return [row.address for row in read_list(content, **options).rows]


def test_listmonks_export_is_read_with_its_words_for_status():
    found = read_list(LISTMONK.encode(), wanted=ListFormat.LISTMONK)
    assert [(r.line, r.address, r.status, r.suppression) for r in found.rows] == [
        (2, "ada@example.org", CONFIRMED, ""),
        (3, "alan@example.org", UNSUBSCRIBED, "unsubscribed"),
        (4, "eve@example.org", UNSUBSCRIBED, "manual"),
    ]
    assert found.rows[0].since == "2025-01-02T03:04:05Z"
    assert found.unused_columns == ("uuid", "name", "attributes", "updated_at")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_every_encoding_separator_and_line_end_gives_the_same(encoding, separator, line_end):
    lines = ["name,email", "Zoé,ada@example.org", "", "Jürgen,bob@bücher.example"]
    content = line_end.join(lines).replace(",", separator).encode(encoding)
    assert addresses(content) == ["ada@example.org", "bob@xn--bcher-kva.example"]


def test_bad_lines_are_named_and_the_others_are_read():
    content = (
        b"email,status\nno address,enabled\nada@example.org,enabled\nx@example.org,strange\n"
        b"a@example.org,enabled,more\n\nbob@example.org\n"
    )
    found = read_list(content)
    assert [row.line for row in found.rows] == [3, 7]
    assert [bad.line for bad in found.bad] == [2, 4, 5]
    assert "'strange' is not known" in found.bad[1].reason


def test_an_open_quote_costs_its_line_and_not_the_file():
    content = 'email,name\n"ada@example.org,Ada\n' + "".join(
        f"r{n}@example.org,R\n" for n in range(50)
    )
    found = read_list(content.encode())
    assert (len(found.rows), [bad.line for bad in found.bad]) == (50, [2])
    assert found.bad[0].cells == ('"ada@example.org,Ada',)


def test_a_record_may_span_lines():
    content = b'email,attributes\nada@example.org,"{\n}"\nbob@example.org,{}\n'
    assert [row.line for row in read_list(content).rows] == [2, 4]


def test_bare_addresses_need_no_header():
    assert addresses(b"ada@example.org\nbob@example.org\n") == [
        "ada@example.org", "bob@example.org"
    ]  # fmt: skip


@pytest.mark.parametrize("content", [b"name,phone\nAda,1\n", b"%PDF-1.4\n", b"\x00\x01\x02"])
def test_a_file_without_addresses_is_refused_whole(content):
    with pytest.raises(UsageError, match="no column called address"):
        read_list(content)


def test_a_file_that_is_not_listmonks_is_refused_where_that_was_asked():
    with pytest.raises(UsageError, match="not a listmonk export"):
        read_list(b"address,status\nada@example.org,confirmed\n", wanted=ListFormat.LISTMONK)


def test_an_empty_file_is_an_empty_list():
    assert (read_list(b"").rows, read_list(b"\n\n").bad) == ((), ())


@pytest.mark.parametrize("chosen", ListFormat)
def test_what_is_written_is_read_again(chosen):
    written = [
        entry(),
        entry("=1+1@example.org"),
        entry("'-x@example.org"),
        entry("@" * 0 + "b@c.de"),
    ]
    found = read_list("".join(write_list(written, chosen)).encode())
    assert found.bad == ()
    assert [row.address for row in found.rows] == [item.address for item in written]
    if chosen is ListFormat.DIGEST:
        assert {row.profiles for row in found.rows} == {("ml",)}


@pytest.mark.parametrize("cell", ["=cmd", "+1", "-1", "@x", "'=1"])
def test_no_cell_starts_as_a_formula(cell):
    assert csv_line([cell]).startswith("'")


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(content):
    try:
        found = read_list(b"email\n" + content)
    except UsageError:
        return
    assert all(bad.line >= 2 for bad in found.bad)


@given(st.emails())
def test_every_address_survives_a_round_trip(address):
    try:
        normal = normalise(address)
    except AddressError:
        return
    lines = "".join(write_list([entry(normal)], ListFormat.DIGEST))
    assert addresses(lines.encode()) == [normal]
