"""From block to alarm, once, for the daemon, the replay and the trainer's evaluation.

Pure: no sockets, files, threads, clock reads or command line. Modules are named in the order of
the arrow: block, window, features, gate, season, denoise, scaler, model, scorer, smoothing,
threshold, alarm; ``level`` is the plain detector beside the network and ``flow`` joins them all.
"""
