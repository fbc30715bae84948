"""The collector as a Python team would write it: FastAPI, pydantic models, a file. Run by `benchmarks.collector`.

It gives the same promise (on the disk before the answer, one fdatasync for all that wait) and does less: it knows no
tracking plan, no write keys and no landing.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field


class Event(BaseModel):
    """One message in Segment's shape."""

    type: Literal["track", "page", "screen", "identify", "group", "alias"]
    event: str | None = None
    messageId: str = Field(max_length=100)
    userId: str | None = None
    anonymousId: str | None = None
    timestamp: datetime | None = None
    properties: dict[str, Any] = {}
    context: dict[str, Any] = {}


class Batch(BaseModel):
    """The body of a batch."""

    batch: list[Event] = Field(min_length=1, max_length=2_500)
    sentAt: datetime | None = None


class Log:
    """Lines in a file; `append` returns when they are on the disk."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()

    async def append(self, lines: str) -> None:
        """Write lines durably."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((lines, done))
        self._wake.set()
        await done

    async def run(self) -> None:
        """Write what waits, group by group."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            group, self._waiting = self._waiting, []
            await asyncio.to_thread(self._write, "".join(lines for lines, _ in group).encode())
            for _, done in group:
                done.set_result(None)

    def _write(self, data: bytes) -> None:
        os.write(self._fd, data)
        os.fdatasync(self._fd)


def application(path: Path) -> FastAPI:
    """The two addresses that the benchmark sends to."""
    log = Log(path)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(log.run())
        yield
        task.cancel()

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/track")
    async def track(event: Event) -> dict[str, Any]:
        """Accept one message."""
        await log.append(event.model_dump_json() + "\n")
        return {"success": True}

    @app.post("/v1/batch")
    async def batch(batch: Batch) -> dict[str, Any]:
        """Accept a batch."""
        await log.append("".join(event.model_dump_json() + "\n" for event in batch.batch))
        return {"success": True, "accepted": len(batch.batch)}

    return app


if __name__ == "__main__":
    uvicorn.run(application(Path(sys.argv[1])), host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
