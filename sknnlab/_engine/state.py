"""What training needs to go on: named arrays and plain metadata, in one object.

`partial_fit`, `warm_start`, checkpoints and the copies that callbacks ask for read and
write a `TrainingState`; nothing else of a run outlives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sknnlab._engine.network import Network, Snapshot
from sknnlab.optimizers import Optimizer

__all__ = ["Streams", "TrainingState"]


@dataclass
class Streams:
    """The random streams of a run.

    Attributes
    ----------
    random_state : RandomState
        scikit-learn's draws: weights, split, shuffling.
    rng : Generator or None
        Everything else, seeded by one draw of the other when first needed.
    """

    random_state: np.random.RandomState
    rng: np.random.Generator | None = None

    def generator(self) -> np.random.Generator:
        """Return the generator for dropout and augmentation."""
        if self.rng is None:
            seed = self.random_state.randint(np.iinfo(np.int32).max)
            self.rng = np.random.Generator(np.random.SFC64(seed))
        return self.rng


@dataclass
class TrainingState:
    """Where training stands.

    Attributes
    ----------
    arrays : dict of str to ndarray
        Named after what they belong to: "raw.params", "optimizer.m", "order" ...
    meta : dict
        Numbers, strings, lists and dicts of them.
    """

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)

    # -- networks -----------------------------------------------------------------------

    def put_snapshot(self, name: str, snapshot: Snapshot | None) -> None:
        """Keep a snapshot under a name; None keeps nothing."""
        if snapshot is None:
            return
        self.arrays[f"{name}.params"] = snapshot.params
        for i, kept in enumerate(snapshot.state):
            for key, array in kept.items():
                self.arrays[f"{name}.{i}.{key}"] = array

    def snapshot(self, name: str, network: Network) -> Snapshot | None:
        """Return the snapshot kept under a name for networks like this one, or None."""
        if f"{name}.params" not in self.arrays:
            return None
        # what was kept as parameters alone leaves the network's state as it is
        state = [
            {
                key: self.arrays.get(f"{name}.{i}.{key}", kept).copy()
                for key, kept in layer.state.items()
            }
            for i, layer in enumerate(network.layers)
        ]
        return Snapshot(self.arrays[f"{name}.params"].copy(), state)

    # -- the optimizer ------------------------------------------------------------------

    def put_optimizer(self, optimizer: Optimizer) -> None:
        """Keep copies of the optimizer's state."""
        self.arrays |= {f"optimizer.{k}": v.copy() for k, v in optimizer.slots_.items()}
        self.meta["optimizer"] = {
            "kind": _kind(optimizer),
            "n_steps": optimizer.n_steps_,
            "scalars": dict(optimizer.scalars_),
        }

    def give_optimizer(self, optimizer: Optimizer, dtype: np.dtype) -> None:
        """Let an optimizer of the same kind go on from here; another begins anew."""
        kept = self.meta.get("optimizer")
        if kept is None or kept["kind"] != _kind(optimizer):
            return
        slots = {name: self.arrays[f"optimizer.{name}"].astype(dtype) for name in optimizer.slots}
        optimizer.adopt(slots, kept["scalars"], kept["n_steps"])

    # -- random streams -----------------------------------------------------------------

    def put_streams(self, streams: Streams) -> None:
        """Keep where the random streams are."""
        kind, keys, *rest = streams.random_state.get_state()
        self.arrays["random_state"] = np.array(keys)
        self.meta["random_state"] = [str(kind), *rest]
        self.meta["rng"] = None
        if streams.rng is not None:
            state: Mapping[str, Any] = streams.rng.bit_generator.state
            self.arrays["rng"] = state["state"]["state"].copy()
            self.meta["rng"] = [state["has_uint32"], state["uinteger"]]

    def streams(self) -> Streams | None:
        """Return random streams that go on from where they were; None if none were kept."""
        if "random_state" not in self.meta:
            return None
        kind, *rest = self.meta["random_state"]
        streams = Streams(np.random.RandomState(0))
        streams.random_state.set_state((kind, self.arrays["random_state"], *rest))
        if self.meta["rng"] is not None:
            has_uint32, uinteger = self.meta["rng"]
            streams.rng = np.random.Generator(np.random.SFC64(0))
            streams.rng.bit_generator.state = {
                "bit_generator": "SFC64",
                "state": {"state": self.arrays["rng"].copy()},
                "has_uint32": has_uint32,
                "uinteger": uinteger,
            }
        return streams


def _kind(optimizer: Optimizer) -> str:
    return f"{type(optimizer).__module__}.{type(optimizer).__qualname__}"
