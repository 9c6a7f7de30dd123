"""Hand a fitted model over: to ONNX for serving, to PyTorch for more training, and back.

`to_onnx` needs skl2onnx (``pip install sknnlab[onnx]``), `to_torch` and `from_torch` need
torch; each is imported by its function alone. Importing this module makes our classes known
to an installed skl2onnx, so that ``skl2onnx.to_onnx`` works as well, on whatever holds them:
Pipelines, ColumnTransformers, CalibratedClassifierCV, VotingClassifier, StackingClassifier.

Files need nothing from here: every estimator goes through ``skops.io``, fitted or not, which
runs no code of the file when it reads. ``get_untrusted_types`` of a network, a transformer or
a search of ours lists public classes of sknnlab alone, which one passes on (the ensembles for
tables bring types of others along):

>>> import os, tempfile
>>> import skops.io  # doctest: +SKIP
>>> from sklearn.datasets import load_iris
>>> from sknnlab import MLPClassifier
>>> X, y = load_iris(return_X_y=True)
>>> net = MLPClassifier((8,), max_iter=20, random_state=0).fit(X, y)
>>> path = os.path.join(tempfile.mkdtemp(), "net.skops")
>>> skops.io.dump(net, path)  # doctest: +SKIP
>>> types = skops.io.get_untrusted_types(file=path)  # doctest: +SKIP
>>> for name in types:  # doctest: +SKIP
...     print(name)
sknnlab.activations.ReLU
sknnlab.losses._classes.LogLoss
sknnlab.neural_network.MLPClassifier
>>> skops.io.load(path, trusted=types).score(X, y) == net.score(X, y)  # doctest: +SKIP
True

The tables of ``_layers.py`` (ONNX) and ``_torch_layers.py`` are, beside the engine's own
folder, the one place where kinds of layer are named: a new kind, activation or link gets a
line in each.
"""

from importlib.util import find_spec

from sknnlab.export._onnx import to_onnx
from sknnlab.export._torch import from_torch, to_torch

__all__ = ["from_torch", "to_onnx", "to_torch"]

if find_spec("skl2onnx") is not None:
    from sknnlab.export._registration import register

    register()
