"""Who left elsewhere is never subscribed here, whichever program wrote the file."""

import pytest

from digest.errors import UsageError
from digest.subscribers.columns import Meaning, meaning_of
from digest.subscribers.lists import read_list

EXPORTS = {
    "ghost": (
        "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,"
        "created_at,deleted_at,labels,tiers",
        {
            "1,ada@example.org,Ada,,true,false,,2025-01-01T00:00:00Z,,,": "confirmed",
            "2,bob@example.org,Bob,,false,false,,2025-01-01T00:00:00Z,,,": "unsubscribed",
            "3,eve@example.org,Eve,,true,false,,2025-01-01T00:00:00Z,2025-06-02,,": "unsubscribed",
            "4,kim@example.org,Kim,,,false,,2025-01-01T00:00:00Z,,,": "unconfirmed",
        },
    ),
    "mailchimp": (
        "Email Address,First Name,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,LAST_CHANGED,"
        "LEID,NOTES,UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_REASON,CLEAN_TIME",
        {
            "ada@example.org,Ada,2,,,2024-01-01,2024-01-01,7,,,,,": "confirmed",
            "bob@example.org,Bob,2,,,2024-01-01,2024-01-01,8,,2024-02-02,June,N/A,": "unsubscribed",
            "eve@example.org,Eve,2,,,2024-01-01,2024-01-01,9,,,,,2024-02-02": "hard",
        },
    ),
    "brevo": (
        "CONTACT ID;EMAIL;FIRSTNAME;SMS;EMAIL_BLACKLISTED;SMS_BLACKLISTED;DOUBLE_OPT-IN",
        {
            "1;ada@example.org;Ada;;false;true;Yes": "confirmed",
            "2;kim@example.org;Kim;;true;false;Yes": "manual",
            "3;eve@example.org;Eve;;false;false;No": "unconfirmed",
        },
    ),
    "substack": (
        "email,active_subscription,expiry,plan,email_disabled,digest_enabled,created_at",
        {
            "ada@example.org,false,,other,false,false,2024-01-01": "confirmed",
            "bob@example.org,false,,other,true,false,2024-01-01": "unsubscribed",
        },
    ),
    "buttondown": (
        "email_address,type,creation_date,tags,unsubscription_date,undeliverability_reason",
        {
            "ada@example.org,regular,2024-01-01,,,": "confirmed",
            "bob@example.org,unsubscribed,2024-01-01,,2024-02-02,": "unsubscribed",
            "eve@example.org,unactivated,2024-01-01,,,": "unconfirmed",
            "kim@example.org,complained,2024-01-01,,,": "complaint",
            "lee@example.org,undeliverable,2024-01-01,,,550": "hard",
            "max@example.org,spammy,2024-01-01,,,": "complaint",
        },
    ),
    "beehiiv": (
        "id,email,status,created_at,subscription_tier,utm_source,unsubscribed_at",
        {
            "1,ada@example.org,active,2024-01-01,free,web,": "confirmed",
            "2,bob@example.org,inactive,2024-01-01,free,web,2024-02-02": "unsubscribed",
            "3,eve@example.org,pending,2024-01-01,free,web,": "unconfirmed",
        },
    ),
    "kit": (
        "id,first_name,email_address,state,created_at",
        {
            "1,Ada,ada@example.org,active,2024-01-01": "confirmed",
            "2,Bob,bob@example.org,cancelled,2024-01-01": "unsubscribed",
            "3,Eve,eve@example.org,bounced,2024-01-01": "hard",
            "4,Kim,kim@example.org,complained,2024-01-01": "complaint",
        },
    ),
    "phplist": (
        "id,email,confirmed,blacklisted,bouncecount,entered,htmlemail,disabled",
        {
            "1,ada@example.org,1,0,0,2024-01-01,1,0": "confirmed",
            "2,bob@example.org,1,1,0,2024-01-01,1,0": "manual",
            "3,eve@example.org,0,0,0,2024-01-01,1,0": "unconfirmed",
            "4,kim@example.org,1,0,0,2024-01-01,1,1": "unsubscribed",
            "5,lee@example.org,1,0,4,2024-01-01,1,0": "unconfirmed",
        },
    ),
    "mailman": (
        "email,display_name,delivery_mode,delivery_status",
        {
            "ada@example.org,Ada,regular,enabled": "confirmed",
            "bob@example.org,Bob,regular,by_user": "unsubscribed",
            "eve@example.org,Eve,regular,by_bounces": "hard",
        },
    ),
    "sympa": (
        "email,gecos,reception,visibility,date",
        {
            "ada@example.org,Ada,mail,conceal,2024-01-01": "confirmed",
            "bob@example.org,Bob,nomail,conceal,2024-01-01": "unsubscribed",
        },
    ),
    "listmonk": (
        "uuid,email,name,attributes,status,created_at,updated_at",
        {
            "u1,ada@example.org,Ada,{},enabled,x,x": "confirmed",
            "u2,bob@example.org,Bob,{},disabled,x,x": "unsubscribed",
            "u3,eve@example.org,Eve,{},blocklisted,x,x": "manual",
        },
    ),
    "keila": (
        "Email,First name,Last name,Data,External ID,Status",
        {
            "ada@example.org,Ada,L,{},,active": "confirmed",
            "bob@example.org,Bob,L,{},,unsubscribed": "unsubscribed",
            "eve@example.org,Eve,L,{},,unreachable": "hard",
        },
    ),
    "consent in words": (
        "Email,Email Marketing Consent,Opted Out?",
        {
            "ada@example.org,SUBSCRIBED,": "confirmed",
            "bob@example.org,NOT_SUBSCRIBED,": "unconfirmed",
            "eve@example.org,subscribed,Yes": "unsubscribed",
        },
    ),
    "times of confirmation": (
        "email,verified_at",
        {
            "ada@example.org,2024-01-01": "confirmed",
            "bob@example.org,": "unconfirmed",
        },
    ),
}


def outcomes(content, **options):
    found = read_list(content, **options)
    assert found.bad == ()
    return [
        row.suppression if row.status == "unsubscribed" else row.status.value for row in found.rows
    ]


@pytest.mark.parametrize("program", EXPORTS)
def test_each_row_of_an_export_is_what_it_was_there(program):
    header, rows = EXPORTS[program]
    content = "\n".join((header, *rows)).encode()
    assert outcomes(content) == list(rows.values())


@pytest.mark.parametrize(
    "name",
    [
        "unsubscribed_at", "UNSUB_TIME", "UnsubscribedAt", "Unsubscribe Date", "unsubscribe reason",
        "deleted_at", "is_deleted", "Email Blacklisted", "blocklisted", "is_blocked", "opted-out",
        "OptOut", "email_opt_out", "Bounced", "hard_bounced", "bounced at", "complained",
        "spam complaint", "cleaned", "CLEAN_TIME", "suppressed", "do_not_email", "Don't contact",
        "email_disabled", "nomail", "Abgemeldet am", "désinscrit", "consent revoked at", "banned",
        "left on", "removed", "undeliverable", "isUnsubscribed", "refused",
    ],
)  # fmt: skip
@pytest.mark.parametrize("cell", ["true", "1", "yes", "2024-02-02", "N/A (by an admin)", "x"])
def test_a_column_of_refusals_keeps_its_people_out(name, cell):
    content = f"email,{name}\nada@example.org,{cell}\nbob@example.org,\neve@example.org,0\n"
    assert [row.status.value for row in read_list(content.encode()).rows] == [
        "unsubscribed", "confirmed", "confirmed"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("cancel date", "2024-01-01"),
        ("not unsubscribed", "yes"),
        ("suspended", "1"),
        ("archived", "true"),
        ("opt_in_out", "out"),
        ("newsletter", "perhaps"),
        ("state", "Bavaria"),
        ("mailing ok", "no"),
        ("segment", "Unsubscribed"),
        ("notes", "asked by phone: do not mail her"),
        ("attributes", "opted-out in May"),
        ("membership status", "sleeping"),
    ],
)
def test_a_column_that_may_refuse_and_is_not_understood_stops_the_import(header, cells):
    content = f"email,{header}\nada@example.org,{cells}\n".encode()
    with pytest.raises(UsageError, match=f"not understood: {header}.*--column") as raised:
        read_list(content)
    assert "ada@example.org" not in str(raised.value)
    assert outcomes(content, meanings={header.upper(): "ignore"}) == ["confirmed"]
    assert outcomes(content, meanings={header: "refusal"})[0] in (
        "confirmed" if cells == "no" else "unsubscribed"
    )


@pytest.mark.parametrize("line", ["ada@example.org,unsubscribed", "ada@example.org,Ada,true"])
def test_a_list_without_names_of_columns_hides_no_refusal(line):
    with pytest.raises(UsageError, match=r"--column"):
        read_list(line.encode())
    place = line.count(",") + 1
    assert outcomes(line.encode(), meanings={str(place): "refusal"}) == ["unsubscribed"]


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("unsubscribed_members_export.csv", "unsubscribed"),
        ("cleaned_members_export_1a2b.csv", "hard"),
        ("nonsubscribed_members_export.csv", "unconfirmed"),
        ("Blacklisted contacts.csv", "manual"),
        ("bounces-2024.csv", "hard"),
        ("complaints.csv", "complaint"),
        ("opt-outs.csv", "unsubscribed"),
        ("subscribed_members_export_1a2b.csv", "confirmed"),
        ("list.csv", "confirmed"),
    ],
)
def test_the_name_of_a_file_counts(name, outcome):
    assert outcomes(b"Email Address,First Name\nlee@example.org,Lee\n", name=name) == [outcome]


@pytest.mark.parametrize("name", ["not-unsubscribed.csv", "cleaned.csv", "without bounces.csv"])
def test_a_name_that_may_mean_either_stops_the_import(name):
    with pytest.raises(UsageError, match="rename it"):
        read_list(b"email\nlee@example.org\n", name=name)


@pytest.mark.parametrize(
    "name",
    ["first_name", "Company", "tags", "created_at", "utm_source", "sms_blacklisted", "LEID",
     "unsubscribe_url", "OPTIN_TIME", "OPTIN_IP", "Emails received (6mo)", "subscription_tier"],
)  # fmt: skip
def test_columns_that_say_nothing_of_mail_stop_nothing(name):
    assert meaning_of(name) in (None, Meaning.IGNORE)
    assert outcomes(f"email,{name}\nada@example.org,Ada\n".encode()) == ["confirmed"]


def test_the_address_is_read_beside_where_somebody_lives():
    content = b"name,address,email\nAda,1 High Street,ada@example.org\n"
    assert [row.address for row in read_list(content).rows] == ["ada@example.org"]


def test_a_meaning_for_a_column_that_is_absent_or_a_word_that_is_none_is_refused():
    for meanings in ({"nothing": "ignore"}, {"email": "perhaps"}):
        with pytest.raises(UsageError, match="column"):
            read_list(b"email\nada@example.org\n", meanings=meanings)
