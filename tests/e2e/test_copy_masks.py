"""COPY TO STDOUT under masks: what comes out is what a SELECT would show, in rows that COPY FROM and every CSV reader
take. Judged by PostgreSQL itself (COPY FROM of the masked rows) and by Python's csv module."""
import contextlib
import csv
import io
import random
import struct

import pytest

import records
import through as doors
import wire
from sluice_tools.processes import wait_until

CARD, SPACED, MAIL = "4111111111111111", "4012 8888 8888 1881", "ada.archer@example.com"
AWKWARD = ["", "plain", "\\N", "\\.", "a\tb", "a\nb", "a\r\nb", 'say "so"', "'", ",", ";", "|", "\\", "\\\\n", "\x08\x0b\x0c", "null",
           "NULL", "öäü€😀", " lead and trail ", '"', '""', ",,", "x,\"y\n\"", f"card {CARD}", f"{CARD}\t{MAIL}", f'"{MAIL}"', f"\\{CARD}",
           f"{SPACED}\n{CARD}\n", f"a,{MAIL},b", f"{MAIL};{CARD}", f"{CARD}\\", f"\"{CARD}\"\"{CARD}\"", None]
SETUP = """
drop schema if exists cp cascade; create schema cp;
create table cp.people (id int primary key, note text, secret text, pin int, doc jsonb, raw bytea, big bigint,
  twice int generated always as (pin * 2) stored);
create table cp.open (id int primary key, a text, b varchar(200), c text);
create table cp.parent (id int, secret text); create table cp.heir (more text) inherits (cp.parent);
create table cp.split (id int, secret text) partition by range (id);
create table cp.part partition of cp.split for values from (0) to (100);
create view cp.v as select id, secret from cp.people;
create table cp.numbers (id int, ssn text, other text);
insert into cp.parent values (1, 'parentsecret'); insert into cp.heir values (2, 'heirsecret', 'more');
insert into cp.split values (1, 'partsecret');
insert into cp.numbers values (1, '536904399', '536904399'), (2, '123', 'x');
create schema cp2; create table cp2.people (like cp.people);
""".replace("create schema cp2", "drop schema if exists cp2 cascade; create schema cp2")
RULES = [
    {"id": "values", "result": {"types": ["CREDIT_CARD", "EMAIL_ADDRESS", "US_SSN"]}, "except": doors.UNLESS_EXEMPT,
     "mask": {"operator": "mask", "keep_last": 4}},
    {"id": "secrets", "result": {"columns": ["cp.people.secret", "cp.parent.secret", "cp.split.secret"]},
     "except": doors.UNLESS_EXEMPT, "mask": {"operator": "mask", "keep_last": 2}},
    {"id": "pins", "result": {"columns": ["cp.people.pin"]}, "except": doors.UNLESS_EXEMPT, "mask": {"operator": "null"}},
]


def quoted(value):
    return "null" if value is None else "E'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


@pytest.fixture(scope="module")
def door(run_folder, authority, postgres):
    pick = random.Random(7)
    rows = [(a, pick.choice(AWKWARD), pick.choice(AWKWARD)) for a in AWKWARD for _ in range(3)]
    values = ", ".join(f"({i}, {quoted(a)}, {quoted(b)}, {quoted(c)})" for i, (a, b, c) in enumerate(rows))
    people = ", ".join(f"({i}, {quoted(a)}, {quoted('s' + str(i) + (a or ''))}, {i}, "
                       f"jsonb_build_object('mail', '{MAIL}', 'n', {i}), convert_to('{MAIL}', 'UTF8'), {CARD if i % 2 else i})"
                       for i, a in enumerate(AWKWARD))
    postgres.psql(SETUP + f"insert into cp.open values {values}; insert into cp.people values {people};",
                  user="app_rw", database="orders")
    gateway = doors.ThroughSluice(run_folder / "copies", authority, postgres, rules=RULES)
    with doors.running(gateway):
        def known():
            with gateway.connect("agent") as connection:
                return connection.run("copy cp.people to stdout")[-2][0] == "C"
        wait_until(known, 20, "the catalog")
        yield gateway


def copied(connection, sql):
    """The rows' bytes. Raises what the server refuses."""
    answer = connection.run(sql)
    for tag, body in answer:
        if tag == "E":
            raise wire.ServerError(wire.error_fields(body))
    return [body for tag, body in answer if tag == "d"]


def refused(connection, sql):
    with pytest.raises(wire.ServerError) as error:
        copied(connection, sql)
    assert error.value.fields["C"] == "42501", error.value
    return error.value.fields


OPTIONS = ["", "(format text)", "(format csv)", "(format csv, header)", "(delimiter '|')", "(delimiter ',', null '')",
           "(null 'NULL')", "(format csv, null 'NULL')", "(format csv, quote '''', delimiter ';')", "(format csv, escape '\\')",
           "(format csv, quote '|', escape '~', delimiter E'\\t', null '-')", "(format csv, force_quote *)",
           "(format csv, force_quote (a, c), header true)", "csv header delimiter as ';' null as 'nil' quote as '''' force quote a",
           "(format csv, escape ',')", "(encoding 'UTF-8')", "delimiter 'Z'"]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("table", ["cp.open", "cp.people (id, note, secret, pin, doc, raw, big)", "cp.open (c, id, a)"])
def test_masking_evasion_12_postgresql_reads_back_what_a_select_shows(table, options, door, direct):
    """Every cell as SELECT masks it, every other one untouched, whatever the options."""
    relation, _, listed = table.partition(" ")
    wanted = listed.strip("()") or "*"
    if "force_quote (a" in options or "force quote a" in options:
        if "open" not in table:
            pytest.skip("names columns of the other table")
    with door.connect("agent") as connection:
        data = b"".join(copied(connection, f"copy {table} to stdout {options}"))
        shown = connection.rows(f"select {wanted} from {relation} order by id")
    copy_in = options.replace("force_quote *", "force_null (id)").replace("force_quote (a, c)", "force_null (id)").replace(
        " force quote a", "")
    owner = direct()
    owner.run(f"create temp table back as select {wanted} from {relation} limit 0")
    owner.send(wire.query(f"copy back from stdin {copy_in}"))
    owner.until("GE")
    assert owner.seen[-1][0] == "G", owner.seen[-1]
    owner.send(wire.copy_data(data), wire.copy_done())
    answer = owner.until()
    assert answer[0][0] == "C", answer
    back = owner.rows("select * from back order by id")
    if options in ("(delimiter ',', null '')",):
        shown = [[value or None for value in row] for row in shown]
    if options == "(null 'NULL')":  # In the text format nobody can tell such a value from NULL.
        shown = [[None if value == b"NULL" else value for value in row] for row in shown]
        for row, other in zip(back, shown):
            assert [v if v != b"**LL" else None for v in row] == other
        return
    assert back == shown


@pytest.mark.parametrize("quote, escape, delimiter", [('"', '"', ","), ("'", "'", ";"), ('"', "\\", "\t"), ("|", "|", ",")])
def test_csv_rows_are_read_by_pythons_reader_as_a_select_shows_them(quote, escape, delimiter, door):
    options = f"(format csv, header, quote E'{quote.replace(chr(39), chr(39) * 2)}', escape E'\\{escape}', delimiter E'{delimiter}')"
    options = options.replace("E''''", "''''").replace("escape E'\\''", "escape ''''")
    if escape == "\\":  # Outside quotes an escape means nothing to PostgreSQL, and something to Python.
        options = options.replace("(", "(force_quote *, ", 1)
    with door.connect("agent") as connection:
        data = b"".join(copied(connection, f"copy cp.open to stdout {options}")).decode()
        shown = connection.rows("select * from cp.open order by id")
    doubled = quote == escape
    reader = csv.reader(io.StringIO(data, newline=""), delimiter=delimiter, quotechar=quote, doublequote=doubled,
                        escapechar=None if doubled else escape, strict=True)
    rows = list(reader)
    assert rows[0] == ["id", "a", "b", "c"]
    got = sorted(rows[1:], key=lambda row: int(row[0]))
    assert got == [[(value or b"").decode() for value in row] for row in shown]


def test_one_column_and_rows_of_every_size_come_back(door, direct, postgres):
    postgres.psql("drop table if exists cp.sizes; create table cp.sizes as select g as id, repeat('x', (g * 7919) % 70000) || "
                  f"case when g % 3 = 0 then ' {CARD}' else '' end as a from generate_series(1, 400) g", user="app_rw", database="orders")
    want = [f"x{'*' * 12}1111".encode()[-6:] if i % 3 == 0 else None for i in range(1, 401)]
    for options in ("", "(format csv)"):
        with door.connect("agent") as connection:
            wait_until(lambda: connection.run(f"copy cp.sizes to stdout {options}")[-2][0] == "C", 20, "the table in the catalog")
            rows = copied(connection, f"copy cp.sizes to stdout {options}")
        assert len(rows) == 400 and CARD.encode() not in b"".join(rows)
        for row, tail in zip(rows, want):
            assert tail is None or row.rstrip(b'\n"').endswith(tail)
        plain = copied(direct(), f"copy cp.sizes to stdout {options}")
        assert [r for r, t in zip(rows, want) if t is None] == [r for r, t in zip(plain, want) if t is None]


def test_masked_columns_are_masked_and_generated_ones_are_not_shown(door):
    with door.connect("agent") as connection:
        for row in copied(connection, "copy cp.people to stdout"):
            cells = row.rstrip(b"\n").split(b"\t")
            assert len(cells) == 7 and cells[3] == b"\\N" and b"*" in cells[2]
        for row in copied(connection, "copy cp.people (pin, id) to stdout csv"):
            assert row.split(b",")[0] == b""
        assert copied(connection, "copy cp.parent to stdout") == [b"1\t**********et\n"]
        assert copied(connection, "copy cp.heir to stdout") == [b"2\t********et\tmore\n"]
        assert copied(connection, "copy cp.part to stdout") == [b"1\t********et\n"]
    with door.connect("loader") as connection:
        assert copied(connection, "copy cp.parent to stdout") == [b"1\tparentsecret\n"]


def test_what_cannot_be_understood_is_refused_with_what_to_do(door):
    with door.connect("agent") as connection:
        for sql in ("copy cp.open to stdout (format binary)", "copy cp.open to stdout binary", "copy cp.open to stdout (encoding 'LATIN1')",
                    "copy cp.open to stdout (null '\\X')", "copy binary cp.open to stdout"):
            assert "csv" in refused(connection, sql)["H"], sql
        for sql in ("copy (select * from cp.people) to stdout", "copy (select note from cp.people) to stdout", "copy (table cp.v) to stdout",
                    "copy (select secret from cp.split) to stdout csv", "copy (select 1) to stdout; copy (table cp.people) to stdout"):
            assert "SELECT" in refused(connection, sql)["H"], sql
        # Two schemas have one.
        assert "schema" in refused(connection, "copy people to stdout")["H"]
        for sql in ("copy cp.v to stdout", "copy cp.split to stdout", "copy cp.people (nosuch) to stdout", "copy cp.people (twice) to stdout"):
            with pytest.raises(wire.ServerError) as error:
                copied(connection, sql)
            assert error.value.fields["C"] in ("42809", "42703", "42P10"), sql
        assert connection.rows("select 1") == [[b"1"]]


def test_a_query_that_reads_no_masked_relation_is_scanned_in_the_context_of_its_words(door):
    with door.connect("agent") as connection:
        for query in ("select id, ssn from cp.numbers order by id", "select id, ssn as x from cp.numbers order by id",
                      "select id, other as ssn from cp.numbers order by id"):
            rows = copied(connection, f"copy ({query}) to stdout")
            assert rows[0] == b"1\t*****4399\n" and len(rows) == 2, query
        assert copied(connection, "copy (select * from cp.numbers where id = 1) to stdout") == [b"1\t*****4399\t*****4399\n"]
        assert copied(connection, "copy cp.numbers (id, ssn, other) to stdout")[0] == b"1\t*****4399\t536904399\n"
        assert copied(connection, f"copy (select '{CARD}' union all select 'x') to stdout csv") == [b'"************1111"\n', b"x\n"]
        assert copied(connection, f"copy (select convert_to('{MAIL}', 'UTF8')) to stdout") == [
            b"\\\\x" + ("*" * (len(MAIL) - 4) + ".com").encode().hex().encode() + b"\n"]


def test_several_copies_in_one_text_each_have_their_own_format(door):
    with door.connect("agent") as connection:
        rows = copied(connection, "copy cp.parent to stdout; copy cp.heir to stdout (format csv, header); copy cp.part to stdout csv")
        assert rows == [b"1\t**********et\n", b"id,secret,more\n", b'2,"********et",more\n', b'1,"********et"\n']


def test_the_extended_protocol_carries_masked_copies_too(door):
    with door.connect("agent") as connection:
        for name in ("", "s"):
            connection.send(wire.parse("copy cp.parent to stdout"), wire.bind(), wire.describe("P"), wire.execute(), wire.sync(),
                            wire.parse("copy cp.heir to stdout csv", name), wire.bind(name), wire.execute(), wire.sync())
            answer = connection.until() + connection.until()
            assert [body for tag, body in answer if tag == "d"] == [b"1\t**********et\n", b'2,"********et",more\n'], answer


def outcomes(gateway, name):
    found = records.of_session(gateway.sluice, records.session_by_application(gateway.sluice, name))
    return [record for record in found if record.get("tag", "").startswith("COPY")]


def test_masked_cells_of_a_copy_are_recorded(door):
    with door.connect("agent", application_name="copy-counted") as connection:
        copied(connection, "copy (select 'someone@example.org', 'x') to stdout")
        copied(connection, "copy cp.part to stdout")
    assert [record["masked_cells"] for record in outcomes(door, "copy-counted")] == [1, 1]


def test_alerts_and_keep_count_and_change_nothing(run_folder, authority, postgres, direct):
    rules = [{"id": "quiet", "mode": "alert", "result": {"types": ["CREDIT_CARD"]}, "mask": {"operator": "redact"}},
             {"id": "kept", "result": {"types": ["EMAIL_ADDRESS"]}, "mask": {"operator": "keep"}}]
    gateway = doors.ThroughSluice(run_folder / "copyalert", authority, postgres, rules=rules)
    with doors.running(gateway):
        with gateway.connect("agent", application_name="copy-alerts") as connection:
            for options in ("", "csv", "(format binary)"):
                sql = f"copy (select '{CARD}'::text, '{MAIL}'::text) to stdout {options}"
                assert copied(connection, sql) == copied(direct(), sql)
        assert [record.get("alerted_values", 0) for record in outcomes(gateway, "copy-alerts")] == [2, 2, 0]


def test_a_row_that_is_too_large_to_be_looked_at_ends_the_session(run_folder, authority, postgres, folder):
    target = doors.target("orders", postgres, folder, limits={"masked_row_size": 65536})
    gateway = doors.ThroughSluice(run_folder / "copybig", authority, postgres, targets=[target], rules=RULES)
    with doors.running(gateway):
        with gateway.connect("agent") as connection:
            assert len(copied(connection, "copy (select repeat('x', 60000)) to stdout")) == 1
            connection.send(wire.query("copy (select repeat('x', 70000)) to stdout"))
            answer = connection.until_closed()
            assert [wire.error_fields(body)["C"] for tag, body in answer if tag == "E"] == ["54000"]
            assert not any(tag == "d" for tag, _ in answer)


def test_frames_are_whole_after_masking(door):
    with door.connect("agent") as connection:
        connection.send(wire.query("copy cp.open to stdout csv"))
        answer = connection.until()
        assert [tag for tag, _ in answer][:1] == ["H"] and answer[-3][0] == "c" and answer[-2] == ("C", f"COPY {len(AWKWARD) * 3}\0".encode())
        assert struct.unpack("!bh", answer[0][1][:3]) == (0, 4)


def test_what_the_catalog_says_of_a_name_makes_no_value_pass(door, direct):
    """A table of the caller's own may hide the one that the catalog knows by that name, or have changed its types."""
    with contextlib.closing(direct()) as owner:
        owner.run("drop schema if exists hidden cascade; create schema hidden; "
                  "create table hidden.log (at timestamptz, seq uuid); create table hidden.mine (at int)")
    card, mail = "4111111111111111", "ann@example.com"
    with door.connect("agent") as connection:
        connection.run("set search_path = hidden, public")
        wait_until(lambda: connection.run("copy hidden.log to stdout")[-2][0] == "C" and
                   connection.run("copy hidden.mine to stdout")[-2][0] == "C", 20, "the catalog")
        connection.run("create temp table log (a text, b text)")
        connection.run(f"insert into log values ('{card}', '{mail}')")
        shown = b"".join(copied(connection, "copy log to stdout"))
        assert card.encode() not in shown and mail.encode() not in shown and shown.endswith(b"\n")
        connection.run("begin")
        connection.run(f"alter table hidden.mine alter at type text using ''; insert into hidden.mine values ('{card}')")
        assert card.encode() not in b"".join(copied(connection, "copy hidden.mine (at) to stdout"))
        connection.run("rollback")


def test_unknown_outputs_may_be_bytea_or_json_and_text_that_only_begins_so(door):
    card = "4111111111111111"
    with door.connect("agent") as connection:
        for value in (rf"'\x' || '{card}'", rf"'\x' || encode('{card}', 'hex')", rf"""to_jsonb(E'A=1\n{card}'::text)""",
                      rf"""jsonb_build_object('a', E'x\n{card}')""", rf"""array['{card}', 'x']"""):
            shown = b"".join(copied(connection, f"copy (select {value}) to stdout"))
            assert card.encode() not in shown and card.encode().hex().encode() not in shown, value


def test_many_copies_in_one_text_and_a_long_null_text_are_refused(door):
    with door.connect("agent") as connection:
        answer = connection.run("copy (select 1) to stdout;" * 17)
        assert next(wire.error_fields(body) for tag, body in answer if tag == "E")["C"] == "42501"
        answer = connection.run(f"copy (select 1) to stdout (null '{'n' * 65}')")
        assert next(wire.error_fields(body) for tag, body in answer if tag == "E")["C"] == "42501"
