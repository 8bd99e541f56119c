"""The daemon: one module for each thing outside, and ``service`` that joins them.

``config`` and ``check`` read the configuration, ``sensors`` the devices; ``scoring`` runs each
asset's flow, ``announce`` turns its results into ``messages``, ``outbox`` and ``mqtt`` carry them
to the broker; ``keep`` writes state to the disk, ``systemd`` talks to the service manager.
"""
