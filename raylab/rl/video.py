"""Frames to mp4."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

_LEAST_PIXELS = 160  # smaller pictures are enlarged: players show them tiny and blurred


def encode_mp4(frames: Sequence[np.ndarray], frames_per_s: float) -> bytes:
    """Encode frames, uint8 [H, W, 3] or [H, W], as an H.264 video.

    Small frames are enlarged by a whole factor, and both sides cut to even lengths, as the format
    demands.
    """
    import imageio_ffmpeg

    height, width = frames[0].shape[:2]
    factor = max(1, -(-_LEAST_PIXELS // min(height, width)))
    size = (width * factor // 2 * 2, height * factor // 2 * 2)
    with tempfile.TemporaryDirectory(prefix="raylab-") as folder:
        path = Path(folder) / "video.mp4"

        writer = imageio_ffmpeg.write_frames(
            str(path), size, fps=frames_per_s, codec="libx264", macro_block_size=1
        )
        writer.send(None)
        for frame in frames:
            picture = frame if frame.ndim == 3 else np.repeat(frame[:, :, None], 3, axis=2)
            picture = picture.repeat(factor, axis=0).repeat(factor, axis=1)
            writer.send(np.ascontiguousarray(picture[: size[1], : size[0]]))
        writer.close()
        return path.read_bytes()
