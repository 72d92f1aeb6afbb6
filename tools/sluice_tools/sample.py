"""Sample data with values that must never be seen: cards, mail addresses, SSNs, salaries. All invented."""

CARDS = ["4111111111111111", "5555555555554444", "378282246310005", "6011111111111117", "4012888888881881"]
NAMES = ["Alice Archer", "Bob Baker", "Carol Cooper", "Dan Draper", "Eve Fletcher"]
SALARIES = [91250, 73410, 128775, 64980, 150335]


def schema(owner="app_rw"):
    """SQL for the database `orders`; everything belongs to `owner`."""
    rows = ",\n".join(
        f"({i + 1}, '{name}', '{name.split()[0].lower()}.{name.split()[1].lower()}@example.com', '{CARDS[i]}', "
        f"'53{i}-9{i}-4{i}99')" for i, name in enumerate(NAMES))
    salaries = ",\n".join(f"({i + 1}, '{name}', {SALARIES[i]})" for i, name in enumerate(NAMES))
    return f"""
set role {owner};
create table customers (id int primary key, name text not null, email text, card text, ssn text);
insert into customers values {rows};
create table orders (id serial primary key, customer_id int references customers, amount numeric(10,2), placed date);
insert into orders (customer_id, amount, placed)
  select 1 + g % 5, (g * 37 % 900) + 0.50, date '2026-01-01' + g % 200 from generate_series(1, 500) g;
create view customer_view as select id, name as who, email as mail from customers;
create schema hr;
create table hr.employees (id int primary key, name text, salary int);
insert into hr.employees values {salaries};
create view hr.pay as select name, salary as amount from hr.employees;
create table notes (id serial primary key, body text, at timestamptz default '2026-01-01');
create table scratch (id int, value text);
"""


def create(postgres):
    """Makes the roles app_rw and app_ro and the database `orders` in a running Postgres."""
    postgres.add_role("app_rw")
    postgres.add_role("app_ro")
    postgres.psql("create database orders owner app_rw")
    postgres.psql("alter schema public owner to app_rw; grant create on database orders to app_rw", database="orders")
    postgres.psql(schema(), database="orders")
    postgres.psql("set role app_rw; grant usage on schema public, hr to app_ro;"
                  "grant select on all tables in schema public, hr to app_ro", database="orders")
