"""Training: the bag layer in Numba, the head in Keras 3, the linear member.

The only room that knows Keras, and only its modules ``steps``, ``heads``, ``parts``, ``watched`` and
``training`` load it: call :func:`satchel.network.backends.use_backend` before importing those.
"""
