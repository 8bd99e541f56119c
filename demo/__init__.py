"""The demonstration behind ``make demo``: a bearing fails, and an MQTT subscriber hears of it.

Everything that does the work is the real thing, run as its user runs it: a broker, the command
``edge-trainer train``, the command ``edge-agent run``, a subscriber of its topics.
"""
