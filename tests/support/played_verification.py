"""Plays the process that verifies: says what the order's ``gateway`` tells it to."""

import sys
import time

import msgspec

from edge_agent.rollout.install.orders import Outcome, Prepare

order = msgspec.json.decode(sys.stdin.buffer.read(), type=Prepare)
if order.gateway == "fails":
    sys.exit("out of luck")
if order.gateway == "babbles":
    sys.stdout.write("nonsense\n")
    sys.stdout.flush()
if order.gateway == "hangs":
    time.sleep(600.0)
outcome = Outcome(state="staged", staged={"press": "1.0.0-00000000"})
sys.stdout.buffer.write(msgspec.json.encode(outcome) + b"\n")
