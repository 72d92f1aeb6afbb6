"""Reads the audit log back through the CLI, as an auditor would. Whatever these read has been checked against the
log's own checksums and chain: the CLI refuses a log that does not hold."""
import json

from sluice_tools.processes import wait_until


def lines(sluice, *arguments):
    return [json.loads(line) for line in sluice.cli(*arguments, "--json").stdout.splitlines()]


def sessions(sluice):
    """Every session the log knows, newest first."""
    return lines(sluice, "sessions", "list", "--limit", "100000")


def of_session(sluice, session):
    """The records of one session, in order; waits until the log has its end."""
    def complete():
        found = lines(sluice, "sessions", "replay", session["id"])
        return found if any(kind(record) == "session_end" for record in found) else None
    return wait_until(complete, 20, f"the end of session {session['id']} in the log")


def kind(record):
    return record["type"]


def text_of(record):
    return json.dumps(record)


def session_by_application(sluice, name):
    """The one session that gave this application_name, once the log has it. Looks at the newest ones only."""
    def found():
        for session in sessions(sluice)[:40]:
            records = lines(sluice, "sessions", "replay", session["id"])
            if any(record.get("application_name") == name for record in records):
                return session
        return None
    return wait_until(found, 30, f"a session of {name} in the log")


def whole_log(sluice):
    """Every record of every session as one text: for searching marks."""
    return "\n".join(text_of(record) for session in sessions(sluice) for record in of_session(sluice, session))


def verify(sluice):
    """Reads the whole log; True when every block, record and chain holds."""
    listed = sluice.cli("sessions", "list", "--limit", "100000", "--json", check=False)
    if listed.returncode != 0:
        return False
    return all(sluice.cli("sessions", "replay", json.loads(line)["id"], check=False).returncode == 0
               for line in listed.stdout.splitlines())
