"""The history database: every exam once, immutable, with proof that nothing was altered."""

from qiqa.store.opening import open_store
from qiqa.store.store import Store
from qiqa.store.writing import Saved

__all__ = ["Saved", "Store", "open_store"]
