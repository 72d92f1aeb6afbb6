"""Reading answers: the errors and rows in them, and whether they hold a value that nobody may see."""
import struct

import wire
from sluice_tools.sample import CARDS, SALARIES

SSNS = [f"53{i}-9{i}-4{i}99" for i in range(5)]
CANARIES = [value.encode() for value in [*SSNS, *CARDS, *map(str, SALARIES)]] + [struct.pack("!i", s) for s in SALARIES]

# Groups of messages that end in an error at the server, and what stays behind them in the same group.
FAILING = {
    "a Bind of no statement": [wire.bind("nobody_prepared_this"), wire.execute()],
    "a Parse with a syntax error": [wire.parse("selec 1")],
    "an Execute that fails": [wire.parse("select 1/0"), wire.bind(), wire.execute(), wire.flush()],
}


def codes(answer):
    """The SQLSTATEs of the ErrorResponses in an answer."""
    return [wire.error_fields(body)["C"] for tag, body in answer if tag == "E"]


def values(answer):
    return [wire.data_row(body) for tag, body in answer if tag == "D"]


def leaked(answer):
    """The canaries in any message of an answer."""
    everything = b"\n".join(body for _, body in answer)
    return [canary for canary in CANARIES if canary in everything]
