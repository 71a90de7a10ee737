"""Training: the bag layer in Numba, the head in Keras 3, and the linear members.

The only package that imports Keras, in its modules ``heads``, ``steps``, ``loop`` and ``network``:
call :func:`satchel.training.backends.use_backend` before importing one of them.
"""

from __future__ import annotations
