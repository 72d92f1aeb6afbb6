"""What an agent sees of masked columns and values, in every form a driver may ask for."""
import struct

import psycopg
import pytest

import wire
from sluice_tools.processes import wait_until
from sluice_tools.sample import CARDS, NAMES, SALARIES


@pytest.mark.smoke
def test_promise_06_values_and_columns_are_masked_for_the_agent_and_not_for_the_exempt(through):
    sql = "select name, email, card, ssn from customers order by id"
    with through.connect("agent") as connection:
        for i, (name, email, card, ssn) in enumerate(connection.rows(sql)):
            assert name.decode() == NAMES[i]
            assert card.decode() == "*" * (len(CARDS[i]) - 4) + CARDS[i][-4:]
            assert email.decode().endswith(".com") and b"@" not in email
            assert CARDS[i][:-4].encode() not in card
            assert ssn != f"53{i}-9{i}-4{i}99".encode() and b"53" not in ssn
        assert connection.rows("select salary from hr.employees") == [[None]] * len(SALARIES)
    with through.connect("loader") as connection:
        assert [row[2].decode() for row in connection.rows(sql)] == CARDS


@pytest.mark.smoke
def test_prepared_text_and_binary_results_are_masked_alike(through):
    with through.connect("agent") as connection:
        for form in (0, 1):
            connection.send(wire.parse("select id, card from customers where id = $1"),
                            wire.bind(values=[b"1"], results=[form]), wire.describe("P"), wire.execute(), wire.sync())
            rows = [wire.data_row(body) for tag, body in connection.until() if tag == "D"]
            assert rows == [[struct.pack("!i", 1) if form else b"1", b"************1111"]], form


def test_a_driver_reads_masked_rows_as_ordinary_rows(through):
    environment = through.environment("agent")
    with psycopg.connect(host="localhost", port=environment["PGPORT"], user="agent", password=environment["PGPASSWORD"],
                         dbname="orders", sslmode="verify-full", sslrootcert=environment["PGSSLROOTCERT"]) as connection:
        for binary in (False, True):
            rows = connection.execute("select id, salary, name from hr.employees order by id", binary=binary).fetchall()
            assert rows == [(i + 1, None, name) for i, name in enumerate(NAMES)]
            cards = connection.execute("select card from customers order by id", binary=binary).fetchall()
            assert [card[-4:] for card, in cards] == [card[-4:] for card in CARDS]


def test_a_view_of_a_masked_column_is_masked(through):
    with through.connect("agent") as connection:
        assert [row[1] for row in connection.rows("select name, amount from hr.pay")] == [None] * len(SALARIES)
        for row in connection.rows("select who, mail from customer_view"):
            # The table under the view has a column rule, so what comes from it may be NULL as a whole.
            assert row[1] is None or b"@" not in row[1]


def test_what_no_mask_names_comes_through_unchanged_beside_what_one_names(through, direct):
    sql = "select id, name from hr.employees order by id"
    own = direct().rows(sql)
    with through.connect("agent") as connection:
        assert connection.rows(sql) == own
        whole = connection.rows("select * from hr.employees order by id")
        assert [row[:2] for row in whole] == own


def test_values_inside_text_are_found_where_they_stand(through):
    with through.connect("agent") as connection:
        (value,), = connection.rows("select 'write to alice.archer@example.com or pay with 4111111111111111 today'")
        assert value.startswith(b"write to ") and value.endswith(b" today")
        assert b"alice" not in value and b"411111" not in value and b"1111 today" in value


@pytest.fixture
def payroll(postgres):
    """A database of the test's own with a masked table in a schema."""
    postgres.psql("create database payroll owner app_rw")
    postgres.psql("create schema hr; create table hr.employees (id int, name text, salary int);"
                  "insert into hr.employees values (1, 'Ada', 81234)", user="app_rw", database="payroll")
    yield "payroll"
    postgres.psql("drop database payroll with (force)")


@pytest.mark.parametrize("change,table", [("alter schema hr rename to old", "old.employees"),
                                          ("alter table hr.employees rename to staff", "hr.staff"),
                                          ("alter table hr.employees rename salary to name2", "hr.employees"),
                                          ("alter table hr.employees set schema public", "public.employees")])
def test_promise_06_a_mask_follows_what_somebody_renames_at_the_server(own_gateway, postgres, payroll, change, table):
    door = own_gateway()
    with door.connect("agent", database=door.database(payroll)) as connection:
        assert connection.rows("select salary from hr.employees") == [[None]]
        before = door.sluice.metric("sluice_unresolved_masks", 'target="orders"')
        postgres.psql(change, user="app_rw", database=payroll)
        wait_until(lambda: door.sluice.metric("sluice_unresolved_masks", 'target="orders"') > before, 20,
                   "the alarm that a rule names a column that is no more")
        for column in "*", "salary", "name2":
            connection.send(wire.query(f"select {column} from {table}"))
            assert b"81234" not in b"".join(body for _, body in connection.until()), column
        assert connection.rows(f"select name from {table}") == [[b"Ada"]], "what no rule names is still shown"


def test_a_schema_of_masked_tables_is_not_renamed_through_the_gateway(through):
    with through.connect("agent") as connection:
        connection.send(wire.query("alter schema hr rename to hr2"))
        refusal = wire.error_fields(dict(connection.until())["E"])
        assert refusal["C"] == "42501", refusal


def test_the_count_of_masked_cells_is_in_metrics_and_record(through):
    before = through.sluice.metric("sluice_masked_cells_total")
    with through.connect("agent") as connection:
        connection.rows("select salary from hr.employees")
    assert through.sluice.metric("sluice_masked_cells_total") == before + len(SALARIES)
