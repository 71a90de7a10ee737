"""The views of a model as tables that read texts."""

from __future__ import annotations

from satchel.bags.bag_table import BagTable
from satchel.bags.hashing import FIELD_KIND
from satchel.bags.lookup import Lookup
from satchel.sealed.schema import Parts


def bag_tables(parts: Parts) -> tuple[BagTable, ...]:
    """Return a table for each view of a model, over the model's own arrays."""
    return tuple(
        BagTable(
            view.features,
            view.weighting,
            Lookup(parts.arrays[f"view{index}.hashes"]),
            parts.arrays[f"view{index}.weights"],
            parts.arrays[f"view{index}.rows"],
            parts.arrays.get(f"view{index}.scales"),
            parts.arrays[f"view{index}.kinds"] >= FIELD_KIND,
        )
        for index, view in enumerate(parts.manifest.views)
    )
