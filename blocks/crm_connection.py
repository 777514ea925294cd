"""A CRM that confirmed orders go to."""

from __future__ import annotations

from typing import Literal

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from spine.contracts.accounts import CrmAccount


class CrmConnection(Block):
    """One CRM; accounts name it in their policy (`crm`)."""

    _block_type_name = "CRM Connection"
    _block_type_slug = "crm-connection"
    _description = "Address and key of the CRM in which confirmed orders are created."

    kind: Literal["snitkix", "webhook"] = Field(
        default="snitkix", description="snitkix: its REST API; webhook: a POST signed by Standard Webhooks"
    )
    url: str = Field(description="snitkix: base address of the API; webhook: where orders are posted")
    secret: SecretStr = Field(description="snitkix: the API key; webhook: the signing secret (whsec_…)")

    @property
    def account(self) -> CrmAccount:
        return CrmAccount(kind=self.kind, url=self.url, secret=self.secret)
