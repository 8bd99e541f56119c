"""The gateway's side of a rollout: fetch, verify, place; the agent tries and commits.

What the agent itself imports (``disk``, ``states``, ``journal``, ``place``, ``orders``) needs no
cryptography; ``prepare`` and ``sign`` are processes that come and go.
"""
