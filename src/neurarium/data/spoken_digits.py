"""The Free Spoken Digit Dataset as log-mel spectrograms: 3000 recordings by six speakers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import locate
from .entry import Dataset, File
from .locate import Root

if TYPE_CHECKING:
    import numpy as np

SAMPLE_RATE = 8000
NUM_TEST_TAKES = 5
"""The first takes of every speaker and digit are the official test set."""


@dataclass(frozen=True, eq=False)
class SpokenDigits:
    """Recordings of ten digits.

    Args:
        name: what they were loaded as.
        clips: float32 samples of each recording, in [-1, 1].
        digits: int64 (clips,).
        takes: int64 (clips,).
    """

    name: str
    clips: tuple[np.ndarray, ...]
    digits: np.ndarray
    takes: np.ndarray

    def log_mel(self, *, num_bands: int = 20, num_frames: int = 12) -> np.ndarray:
        """Log energies in mel bands, means of equal stretches of a clip: (clips, bands · frames).

        Args:
            num_bands: of the mel scale between 60 Hz and half the sample rate.
            num_frames: stretches of a clip, so that long and short ones are alike.
        """
        import numpy as np

        size, hop = 256, 80
        filters = mel_filters(num_bands, size)
        window = np.hanning(size).astype(np.float32)
        found = np.empty((len(self.clips), num_bands * num_frames), np.float32)
        for row, clip in zip(found, self.clips, strict=True):
            padded = np.pad(clip, (0, max(0, size + hop * num_frames - len(clip))))
            frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop] * window
            energy = np.log(np.abs(np.fft.rfft(frames)) ** 2 @ filters.T + 1e-6)
            stretches = np.array_split(energy, num_frames)
            row[:] = np.concatenate([stretch.mean(0) for stretch in stretches])
        return found

    def copy(self) -> SpokenDigits:
        """An independent copy: changing its arrays changes no other."""
        clips = tuple(clip.copy() for clip in self.clips)
        return SpokenDigits(self.name, clips, self.digits.copy(), self.takes.copy())


def mel_filters(num_bands: int, size: int) -> Any:
    """Triangles on the mel scale, (bands, size // 2 + 1); every one peaks at 1 between its bins.

    Args:
        num_bands: number of triangles.
        size: of the Fourier transform.

    Example:
        >>> mel_filters(4, 64).shape
        (4, 33)
    """
    import numpy as np

    low, high = (2595 * np.log10(1 + f / 700) for f in (60.0, SAMPLE_RATE / 2))
    edges = 700 * (10 ** (np.linspace(low, high, num_bands + 2) / 2595) - 1)
    frequencies = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    left, middle, right = (edges[i : num_bands + i, None] for i in range(3))
    up, down = (frequencies - left) / (middle - left), (right - frequencies) / (right - middle)
    return np.maximum(0, np.minimum(up, down))


SPOKEN_DIGITS = Dataset(
    name="fsdd",
    title="3 000 recordings of spoken digits by six speakers",
    files=(
        File(
            "fsdd/fsdd_mulaw8k.npz",
            "1a284f9611d74e405bb2564746cbabb3d7d21b6f4a8b503021f7b49544a23100",
        ),
    ),
    read=lambda name, contents: read_spoken_digits(name, contents[0]),  # type: ignore[arg-type, return-value]
    origin="https://github.com/Jakobovski/free-spoken-digit-dataset",
    licence="CC BY-SA 4.0",
    citation="Jackson et al., Free Spoken Digit Dataset, doi:10.5281/zenodo.1342401",
)


def read_spoken_digits(name: str, arrays: Any) -> SpokenDigits:
    """Clips from 8-bit μ-law samples, one after the other, and where each begins."""
    import numpy as np

    codes = 2 * np.arange(256, dtype=np.float64) / 255 - 1
    levels = (np.sign(codes) * (256 ** np.abs(codes) - 1) / 255).astype(np.float32)
    samples = levels[arrays["audio"]]
    return SpokenDigits(
        name,
        tuple(np.split(samples, arrays["offset"][1:-1])),
        arrays["digit"].astype(np.int64),
        arrays["take"].astype(np.int64),
    )


def load_spoken_digits(root: Root = None) -> SpokenDigits:
    """The recordings, from ``root`` or a folder of ``$NEURARIUM_DATA``.

    Args:
        root: a folder to look in first.

    Raises:
        FileNotFoundError: no place has the file.
        ValueError: a file with another content.
    """
    path = locate.locate(SPOKEN_DIGITS, root)[0]
    return read_spoken_digits(SPOKEN_DIGITS.name, locate.content(SPOKEN_DIGITS.files[0], path))
