"""Training: the bag layer in Numba, the head in Keras 3, the linear member.

The only room that knows Keras. Of its modules, ``heads``, ``steps``, ``loop`` and ``network``
load it: call :func:`satchel.training.backends.use_backend` before that.
"""

from __future__ import annotations
