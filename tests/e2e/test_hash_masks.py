"""The mask operator hash: what is joined by it, who holds the key, and what happens when the key changes."""
import hashlib
import hmac
import json
import subprocess

import pytest

import wire
from sluice_tools.processes import wait_until
from sluice_tools.sample import CARDS

RULES = [
    {"id": "mail", "result": {"types": ["EMAIL_ADDRESS"]}, "mask": {"operator": "hash", "key": "people"}},
    {"id": "card", "result": {"columns": ["public.customers.card"]}, "mask": {"operator": "hash", "key": "cards"}},
]
SECRETS = {"people": "the key of people, at least 32 bytes long", "cards": "the key of cards, at least 32 bytes long"}


def hash_of(name, value, secrets=SECRETS):
    return hmac.new(secrets[name].encode(), value.encode(), hashlib.sha256).hexdigest().encode()


def write_key(folder, name, secret):
    path = folder / f"{name}.mask-key"
    path.touch(0o600)
    path.write_text(secret + "\n")
    return {"name": name, "file": str(path)}


@pytest.fixture
def hashing(own_gateway, folder):
    keys = [write_key(folder, name, secret) for name, secret in SECRETS.items()]
    return own_gateway(rules=RULES, mask_keys=keys)


def test_equal_values_stay_equal_and_are_those_of_the_key(hashing, direct):
    mails = [row[0].decode() for row in direct().rows("select email from customers order by id")]
    with hashing.connect("agent") as connection:
        rows = connection.rows("select email, card from customers order by id")
        assert rows == [[hash_of("people", mail), hash_of("cards", card)] for mail, card in zip(mails, CARDS)]
        # An expression has no origin; values in it are found by their type, and hash to the same.
        assert connection.rows("select 'to ' || $$ann@example.com$$") == [[b"to " + hash_of("people", "ann@example.com")]]


def test_a_hash_is_not_written_back(hashing):
    with hashing.connect("agent") as connection:
        answer = connection.run(f"update customers set card = '{hash_of('cards', CARDS[0]).decode()}' where id = 1")
        fields = next(wire.error_fields(body) for tag, body in answer if tag == "E")
        assert fields["C"] == "42501" and "text of a mask" in fields["M"]


def test_a_changed_key_is_taken_up_and_a_bad_one_is_not(hashing, folder):
    fresh = {**SECRETS, "people": "another key of people, also 32 bytes long"}
    with hashing.connect("agent") as connection:
        asked = "select 'ann@example.com'::text"
        assert connection.rows(asked) == [[hash_of("people", "ann@example.com")]]
        write_key(folder, "people", fresh["people"])
        wait_until(lambda: connection.rows(asked) == [[hash_of("people", "ann@example.com", fresh)]], 20,
                   "answers hashed under the new key", hashing.sluice.process)
        write_key(folder, "people", "short")
        log = hashing.sluice.folder / "log"
        wait_until(lambda: "expected a key of 32 to 1024 bytes, found 5" in log.read_text(), 20, "the short key refused",
                   hashing.sluice.process)
        assert connection.rows(asked) == [[hash_of("people", "ann@example.com", fresh)]]
        pushed = hashing.sluice.cli("rules", "push", check=False)
        assert pushed.returncode == 3 and "expected a key of 32 to 1024 bytes" in pushed.stderr
    everything = log.read_text() + json.dumps(hashing.sluice.json("status")) + pushed.stdout + pushed.stderr
    assert not any(secret in everything for secret in (*SECRETS.values(), fresh["people"], "short\n"))


def test_a_key_that_is_short_open_or_missing_is_refused_by_name(hashing, folder):
    path = folder / "people.mask-key"
    for change, said in ((lambda: path.write_text("short"), "expected a key of 32 to 1024 bytes, found 5; make one with"),
                         (lambda: path.chmod(0o644), "people.mask-key"), (path.unlink, "people.mask-key")):
        change()
        checked = hashing.sluice.cli("check", check=False)
        assert checked.returncode == 3 and said in checked.stdout + checked.stderr


def test_rules_are_tried_without_the_keys(hashing, folder):
    for name in SECRETS:
        (folder / f"{name}.mask-key").unlink()
    explained = hashing.sluice.cli("rules", "explain", "--target", "orders", "--groups", "agents",
                                   "select card from public.customers")
    assert "hash key=cards" in explained.stdout
    # Without a configuration too, under a key of 32 zero bytes.
    stand_in = hmac.new(bytes(32), b"ann@example.com", hashlib.sha256).hexdigest()
    (folder / "hash.yaml").write_text(json.dumps({"rules": RULES}))
    cases = folder / "hash.test.yaml"
    cases.write_text(json.dumps({"rules": ["hash.yaml"], "default": "allow", "tests": [{
        "name": "a mail", "result": {"columns": [{"name": "note", "type": "text"}], "rows": [["ann@example.com"]]},
        "expect": {"rows": [[stand_in]]}}]}))
    tried = subprocess.run([hashing.sluice.program, "rules", "test", cases], capture_output=True, text=True, timeout=60,
                           check=False)
    assert tried.returncode == 0, tried.stdout + tried.stderr
