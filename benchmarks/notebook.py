"""The published autoencoder notebook's network, fitted as it was: by Keras, 100 epochs, batch 10.

    python -m benchmarks.notebook TABLE

TABLE is a feature table with the mean absolute value of four channels; 445 of its rows are fitted.
Prints the seconds that the fit took, without the imports.
"""

import csv
import os
import sys
import time
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import keras

_FIRST, _ROWS = 2, 445
_EPOCHS, _BATCH = 100, 10


def network() -> keras.Model:
    """Return LSTM 16-4-4-16 over windows of one vector of 4 numbers, 3 236 weights."""
    layers = keras.layers
    model: keras.Model = keras.Sequential(
        [
            keras.Input((1, 4)),
            layers.LSTM(16, activation="relu", return_sequences=True),
            layers.LSTM(4, activation="relu"),
            layers.RepeatVector(1),
            layers.LSTM(4, activation="relu", return_sequences=True),
            layers.LSTM(16, activation="relu", return_sequences=True),
            layers.TimeDistributed(layers.Dense(4)),
        ]
    )
    model.compile(optimizer="adam", loss="mae")
    return model


def main(path: Path) -> None:
    """Fit it to the healthy rows of the table."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))[_FIRST : _FIRST + _ROWS]
    values = np.array([[float(row[f"b{b}_mean_abs"]) for b in (1, 2, 3, 4)] for row in rows])
    scaled = (values - values.min(axis=0)) / np.ptp(values, axis=0)
    x = scaled.astype(np.float32)[:, None]
    keras.utils.set_random_seed(10)
    model = network()
    began_s = time.perf_counter()
    model.fit(x, x, epochs=_EPOCHS, batch_size=_BATCH, validation_split=0.05, verbose=0)
    print(time.perf_counter() - began_s)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
