"""scikit-learn's digits, shifted and with noisy labels: hard enough to overfit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SHIFTS = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]


@dataclass(frozen=True)
class Digits:
    """What a trial trains on and is judged by; 64 pixels in 0..1 a row."""

    x_train: NDArray[np.float64]  # [images * 9 shifts, 64]
    y_train: NDArray[np.int64]  # the same for all shifts of an image
    x_validation: NDArray[np.float64]  # [1797 - images, 64]
    y_validation: NDArray[np.int64]


def noisy_digits(train_images: int, label_noise: float, seed: int) -> Digits:
    """Return the digits for training and validation; the same seed gives the same digits.

    A share `label_noise` of all images gets a random class (which one time in ten is the right
    one); every training image is then shifted by up to one pixel both ways, wrapping around.
    """
    x, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    noisy = rng.random(len(y)) < label_noise
    y = np.where(noisy, rng.integers(10, size=len(y)), y)
    x_train, x_validation, y_train, y_validation = train_test_split(
        x / 16, y, train_size=train_images, random_state=seed, stratify=y
    )
    images = x_train.reshape(-1, 8, 8)
    shifted = [np.roll(images, shift, axis=(1, 2)).reshape(-1, 64) for shift in SHIFTS]
    return Digits(
        x_train=np.concatenate(shifted),
        y_train=np.tile(y_train, len(SHIFTS)),
        x_validation=x_validation,
        y_validation=y_validation,
    )
