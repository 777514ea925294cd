"""Reads a response body piece by piece and never holds more of it than the limit, packed or unpacked."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable, Iterator
from typing import Protocol

from spine.errors import ExternalServiceError, PageTooLargeError

ACCEPTED_ENCODINGS = "gzip, deflate"
"""What we ask for. Brotli and zstd stay out: their plain Python bindings unpack without a bound."""

_PIECE = 64 * 1024


class _Decoder(Protocol):
    def decode(self, chunk: bytes) -> Iterator[bytes]: ...

    def finish(self) -> None:
        """`zlib.error` when the body ended too early."""
        ...


class _Identity:
    def decode(self, chunk: bytes) -> Iterator[bytes]:
        yield chunk

    def finish(self) -> None:
        pass


class _Inflate:
    """gzip and zlib, and the raw deflate that some servers send under the name `deflate`."""

    def __init__(self, window_bits: int) -> None:
        self._window_bits = window_bits
        self._inflater = zlib.decompressobj(window_bits)
        self._started = False

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        rest = chunk
        while rest and not self._inflater.eof:
            yield self._inflate(rest)
            rest = self._inflater.unconsumed_tail

    def finish(self) -> None:
        if self._started and not self._inflater.eof:
            raise zlib.error("the compressed body is cut off")

    def _inflate(self, data: bytes) -> bytes:
        try:
            return self._inflater.decompress(data, _PIECE)
        except zlib.error:
            if self._started or self._window_bits != zlib.MAX_WBITS:
                raise
            self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            return self._inflater.decompress(data, _PIECE)
        finally:
            self._started = True


def _decoder(encoding: str, service: str) -> _Decoder:
    match encoding.strip().lower():
        case "" | "identity":
            return _Identity()
        case "gzip" | "x-gzip":
            return _Inflate(zlib.MAX_WBITS | 16)
        case "deflate":
            return _Inflate(zlib.MAX_WBITS)
        case other:
            raise ExternalServiceError(f"{service} sent the encoding {other[:40]!r}, not asked for.", service=service)


def too_large(service: str, limit: int) -> PageTooLargeError:
    return PageTooLargeError(f"The answer of {service} is larger than {limit:,} bytes.", limit_bytes=limit)


async def read_bounded(chunks: AsyncIterable[bytes], *, encoding: str, max_bytes: int, service: str) -> bytes:
    """The decoded body; `PageTooLargeError` past `max_bytes` bytes, `ExternalServiceError` when it is garbled."""
    decoder = _decoder(encoding, service)
    body = bytearray()
    try:
        async for chunk in chunks:
            for piece in decoder.decode(chunk):
                body += piece
                if len(body) > max_bytes:
                    raise too_large(service, max_bytes)
        decoder.finish()
    except zlib.error as error:
        raise ExternalServiceError(f"The body from {service} cannot be unpacked: {error}.", service=service) from error
    return bytes(body)
