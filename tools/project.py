"""What the project is called, where it lives and which version it is: read from ``_config.yml``."""

from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Project:
    """The facts of ``_config.yml`` that other files repeat."""

    title: str
    author: str
    url: str
    branch: str
    version: str

    @classmethod
    def read(cls, root: Path = ROOT) -> "Project":
        config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
        return cls(
            title=config["title"],
            author=config["author"],
            url=config["repository"]["url"].rstrip("/"),
            branch=config["repository"]["branch"],
            version=config["sphinx"]["config"]["release"],
        )

    @property
    def slug(self) -> str:
        """``owner/name``."""
        return "/".join(self.url.split("/")[-2:])

    def blob(self, path: str) -> str:
        """Address of a file of the repository."""
        return f"{self.url}/blob/{self.branch}/{path}"

    def colab(self, path: str) -> str:
        """Address that opens a notebook of the repository in Colab."""
        return f"https://colab.research.google.com/github/{self.slug}/blob/{self.branch}/{path}"
