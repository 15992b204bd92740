"""Build hook: the distribution's URLs come from ``_config.yml``, like its version."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class ProjectURLs(MetadataHookInterface):  # type: ignore[misc]
    def update(self, metadata: dict[str, Any]) -> None:
        config = (Path(self.root) / "_config.yml").read_text(encoding="utf-8")
        match = re.search(r"(?m)^repository:\n  url: (\S+)$", config)
        if match is None:
            raise ValueError("_config.yml: expected 'repository:' followed by '  url: ...'")
        url = match.group(1)
        metadata["urls"] = {"Repository": url, "Issues": f"{url}/issues"}
