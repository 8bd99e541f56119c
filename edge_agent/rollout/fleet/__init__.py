"""The operator's side of a rollout: whom it reaches, in what waves, and what counts as success.

``plan`` and ``progress`` are pure: no sockets, files or clocks. ``controller`` drives them.
"""
