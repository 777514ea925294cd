"""A CRM that confirmed orders go to."""

from __future__ import annotations

from typing import Literal

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from spine.contracts.accounts import CrmConnection


class CrmAccount(Block):
    """One CRM. The one that is called `default` is every account's; an account's policy may name another (`crm`)."""

    _block_type_name = "CRM Account"
    _block_type_slug = "crm-account"
    _description = "Address and key of the CRM in which confirmed orders are created."

    kind: Literal["snitkix", "webhook"] = Field(
        default="snitkix", description="snitkix: its REST API; webhook: a POST signed by Standard Webhooks"
    )
    base_url: str = Field(description="snitkix: base address of the API; webhook: where orders are posted")
    api_key: SecretStr = Field(description="snitkix: the API key; webhook: the signing secret (whsec_…)")

    @property
    def account(self) -> CrmConnection:
        return CrmConnection(kind=self.kind, base_url=self.base_url, api_key=self.api_key)
