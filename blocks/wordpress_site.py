"""The WordPress site that reviewed articles are published on."""

from __future__ import annotations

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from spine.publishing_port import SiteLogin


class WordPressSite(Block):
    """A user's login to one WordPress site, by application password (Users → Profile → Application Passwords)."""

    _block_type_name = "WordPress Site"
    _block_type_slug = "wordpress-site"
    _description = "Address, user and application password of the WordPress site that articles are published on."

    url: str = Field(description="the site's home, such as https://blog.example; https unless it is on a local network")
    username: str = Field(description="a user with the role Editor or Administrator")
    application_password: SecretStr = Field(description="made under Users → Profile → Application Passwords")

    @property
    def login(self) -> SiteLogin:
        """What the site's client is opened with."""
        return SiteLogin(self.url, self.username, self.application_password)
