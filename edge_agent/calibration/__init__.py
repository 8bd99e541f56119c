"""From healthy windows and a network to every number that decides on an alarm.

Pure, and without TensorFlow: the trainer calibrates a bundle with it, and so can a gateway.
"""
