"""Reads the audit log back through the CLI, as an auditor would."""
import json

from sluice_tools.processes import wait_until


def sessions(sluice):
    """Every session the log knows, as `sluice sessions list --json` prints them, oldest first."""
    answer = sluice.json("sessions", "list")
    return answer["sessions"] if isinstance(answer, dict) else answer


def of_session(sluice, session):
    """The records of one session, in order; waits until the log has its end."""
    def complete():
        answer = sluice.json("sessions", "show", session["id"])
        found = answer["records"] if isinstance(answer, dict) else answer
        return found if any(kind(record) == "session-end" for record in found) else None
    return wait_until(complete, 20, f"the end of session {session['id']} in the log")


def kind(record):
    return record["kind"].replace("_", "-").lower()


def text_of(record):
    return json.dumps(record)


def sessions_by_application(sluice, name):
    return wait_until(lambda: [s for s in sessions(sluice) if s.get("application_name") == name], 20,
                      f"a session of {name} in the log")


def newest_session(sluice):
    found = sessions(sluice)
    return of_session(sluice, found[-1]) if found else []


def whole_log(sluice):
    """Every record of every session as one text: for searching marks."""
    return "\n".join(text_of(record) for session in sessions(sluice) for record in of_session(sluice, session))
