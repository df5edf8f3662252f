"""Bytes on their way into a backup and out of it: compressed, encrypted, counted, in constant memory."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from gettext import gettext as _
from pathlib import Path
from typing import IO, Any, cast

import pyrage
import zstandard
from pyrage import x25519

from .model import BackupError, Piece

LEVEL = 1  # of zstd: beyond it a dump grows smaller by little and later by much
BLOCK = 1 << 20


class Sink:
    """A file that knows its size and SHA-256."""

    def __init__(self, place: Path) -> None:
        self._file = place.open("xb")
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        """Append."""
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> Piece:
        """On the disk, and what it is."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return Piece(self.size, self._hash.hexdigest())

    def drop(self) -> None:
        """Let go of a file that will not be finished."""
        self._file.close()


def store(source: IO[bytes], place: Path, recipient: str) -> Piece:
    """Everything that `source` gives, compressed and, with a public key, encrypted, in a new file."""
    sink = Sink(place)
    try:
        if recipient:
            packed = zstandard.ZstdCompressor(level=LEVEL).stream_reader(source, read_size=BLOCK)
            pyrage.encrypt_io(packed, sink, [recipient_of(recipient)])
        else:
            zstandard.ZstdCompressor(level=LEVEL).copy_stream(
                source, cast("IO[bytes]", sink), read_size=BLOCK, write_size=BLOCK
            )
        return sink.close()
    except BaseException:
        sink.drop()
        raise


@contextmanager
def opened(place: Path, identity: str) -> Iterator[IO[bytes]]:
    """The bytes that `store` was given. Raises BackupError where the key does not fit."""
    unpack = zstandard.ZstdDecompressor()
    with place.open("rb") as file:
        if not identity:
            with unpack.stream_reader(file, read_size=BLOCK) as plain:
                yield plain
            return
        with (
            _decrypted(file, identity) as packed,
            unpack.stream_reader(packed, read_size=BLOCK, closefd=False) as plain,
        ):
            yield plain


@contextmanager
def _decrypted(file: IO[bytes], identity: str) -> Iterator[IO[bytes]]:
    """Through a pipe: the library writes, and others read as they go."""
    out, into = os.pipe()
    failed: list[BaseException] = []

    def work() -> None:
        with os.fdopen(into, "wb") as pipe:
            try:
                pyrage.decrypt_io(file, pipe, [identity_of(identity)])
            except Exception as error:  # told in the thread that reads, before it finds the end of the pipe
                failed.append(error)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    reader = os.fdopen(out, "rb")
    try:
        yield reader
        while reader.read(BLOCK):
            pass  # what the reader had no use for: the last of it proves the whole
        broken = list(failed)
    except Exception:
        broken = list(failed)
        if not broken:
            raise
    finally:
        reader.close()
        worker.join()
    if broken:  # whatever the reader made of half of it
        raise BackupError(_("The key does not open this backup, or the backup is damaged.")) from broken[0]


def check(place: Path, piece: Piece) -> bool:
    """Whether a file is as it was written."""
    try:
        if place.stat().st_size != piece.size:
            return False
        with place.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == piece.sha256
    except OSError:
        return False


# ---- keys


def new_key() -> tuple[str, str]:
    """A new pair: what decrypts, and what encrypts."""
    identity = x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def recipient_of(text: str) -> Any:
    """The public key that a text is. Raises BackupError."""
    try:
        return x25519.Recipient.from_str(text.strip())
    except Exception as error:  # the library raises one of its own for each way of being wrong
        raise BackupError(
            _("“%(text)s” is no public key. One begins with age1; `zhike backup key` makes a pair.")
            % {"text": text[:80]}
        ) from error


def public_of(identity: str) -> str:
    """The public key that belongs to a secret one. Raises BackupError."""
    return str(identity_of(identity).to_public())


def identity_of(text: str) -> Any:
    """The secret key that a text, such as a key file, holds. Raises BackupError."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    try:
        return x25519.Identity.from_str(lines[0])
    except Exception as error:
        raise BackupError(_("The key file holds no secret key: one begins with AGE-SECRET-KEY-.")) from error
