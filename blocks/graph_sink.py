"""The receiver of graph results."""

from __future__ import annotations

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from spine.sink_port import SinkAddress


class GraphSink(Block):
    """An HTTP address that results of graph jobs are sent to, signed as Standard Webhooks describes."""

    _block_type_name = "Graph Sink"
    _block_type_slug = "graph-sink"
    _description = "Address and signing secret of a receiver of graph results."

    url: str = Field(description="where results are posted, such as https://crm.example/hooks/millrace")
    secret: SecretStr = Field(description="signs every delivery: base64, such as whsec_MfKQ… (Standard Webhooks)")

    @property
    def address(self) -> SinkAddress:
        return SinkAddress(self.url, self.secret)
