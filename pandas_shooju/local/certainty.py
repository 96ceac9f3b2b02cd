"""`Status`: how certain it is that the service has a thing as the embedded Shooju does."""

from __future__ import annotations

from typing import Literal

#: ``known`` from documentation or use; ``inferred``: the service has it, its exact meaning is our reading; ``ours``: an
#: addition of the embedded Shooju
Status = Literal["known", "inferred", "ours"]
