"""Networks that several engine tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dreamvid.engine.models import load_network
from dreamvid.preset import ModelSettings

if TYPE_CHECKING:
    from dreamvid.engine.models import Network


@pytest.fixture(scope="session")
def dreamnet() -> Network:
    """Return the embedded network."""
    return load_network(ModelSettings())
