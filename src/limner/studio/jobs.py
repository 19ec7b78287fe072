"""Commands at work: each a process of its own, with its progress, what it says, and a stop.

A job is exactly the command that its page shows, run in the studio's folder. So it does what the command line does,
dies alone, gives its memory back, and can be gone on with from a terminal.
"""

import contextlib
import shlex
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from limner.foundation.errors import UserError
from limner.foundation.files.documents import as_record, read_json
from limner.foundation.files.writing import write_json
from limner.foundation.progress import WATCHED, duration
from limner.studio import processes
from limner.studio.folder import WORK, Folder

State = Literal["waiting", "working", "stopping", "done", "stopped", "failed"]
ENDED = ("done", "stopped", "failed")
RECORD, PROGRESS, RESULT, SAID = "job.json", "progress.json", "stdout.txt", "stderr.txt"
AT_ONCE = 2
"""Jobs that work at the same time: one more than a training, so that who trains can map meanwhile."""
PATIENCE_S = 20.0
"""How long a job may take to stop when the studio ends."""
LINES = 12
Begin = Callable[[Sequence[str], Path, Mapping[str, str], Path, Path], processes.Process]
"""`limner.studio.processes.begin` and `limner.studio.processes.fork`."""


@dataclass(frozen=True)
class Job:
    """A command and how it stands. folder: its own, in the studio's. page: that began it. values: given there.

    words: of the command, without "limner". code: its exit code. began, ended: seconds since 1970. writes: a folder
    that it fills besides its own, such as a run's, below the studio's.
    """

    id: str
    page: str
    words: tuple[str, ...]
    values: Mapping[str, Any]
    state: State = "waiting"
    code: int | None = None
    began: float | None = None
    ended: float | None = None
    writes: str = ""
    as_json: bool = False
    """Whether it prints its result as JSON, for its page."""

    @property
    def command(self) -> str:
        """As it is typed in a terminal, in the studio's folder."""
        return command_line(self.words)

    @property
    def seconds(self) -> float:
        """How long it has worked, or did."""
        return 0.0 if self.began is None else (self.ended or time.time()) - self.began


@dataclass(frozen=True)
class _Record:
    """What ``job.json`` must say."""

    id: str
    page: str
    words: list[str]
    values: dict[str, Any]
    state: str
    code: int | None = None
    began: float | None = None
    ended: float | None = None
    writes: str = ""
    as_json: bool = False


def command_line(words: Sequence[str]) -> str:
    """Words as they are typed in a shell.

    >>> command_line(["segment", "buildings", "my scene.tif"])
    "limner segment buildings 'my scene.tif'"
    """
    return shlex.join(["limner", *words])


@dataclass
class Board:
    """All jobs of a folder: those of this studio, and those that an earlier one left there.

    begin: makes a command a process.
    """

    folder: Folder
    at_once: int = AT_ONCE
    begin: Begin = processes.begin
    _jobs: dict[str, Job] = field(default_factory=dict)
    _processes: dict[str, processes.Process] = field(default_factory=dict)
    _threads: dict[str, threading.Thread] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        for path in sorted((self.folder.root / WORK).glob(f"*/{RECORD}")):
            if (job := _read(path)) is not None:
                self._jobs[job.id] = job

    def jobs(self) -> list[Job]:
        """The newest first."""
        with self._changed:
            return sorted(self._jobs.values(), key=lambda job: -self._made_at(job))

    def _made_at(self, job: Job) -> float:
        return job.began if job.began is not None else time.time()

    def job(self, id: str) -> Job:
        """The job of a name. Raises `UserError` where there is none."""
        with self._changed:
            if id not in self._jobs:
                raise UserError(f"no job '{id[:80]}' in this folder")
            return self._jobs[id]

    def place(self, job: Job | str) -> Path:
        """A job's own folder."""
        return self.folder.root / WORK / (job if isinstance(job, str) else job.id)

    def start(self, job: Job) -> Job:
        """Begin a job, or go on with one that has ended, as soon as fewer than `at_once` work."""
        with self._changed:
            known = self._jobs.get(job.id)
            if known is not None and known.state not in ENDED:
                raise UserError(f"{job.id} is at work already")
            job = replace(job, state="waiting", code=None, began=None, ended=None)
            self._keep(job)
            self._threads[job.id] = threading.Thread(target=self._work, args=(job.id,), daemon=True)
            self._threads[job.id].start()
        return job

    def stop(self, id: str) -> Job:
        """Ask a job to stop, as Ctrl-C does: trainings leave a checkpoint; asked twice, it is ended at once."""
        job = self.job(id)
        with self._changed:
            job = self._jobs[id]
            process = self._processes.get(id)
            if job.state == "waiting":
                self._keep(replace(job, state="stopped", ended=time.time()))
            elif process is not None and job.state == "working":
                self._keep(replace(job, state="stopping"))
                process.interrupt()
            elif process is not None and job.state == "stopping":
                process.kill()
            self._changed.notify_all()
            return self._jobs[id]

    def close(self) -> None:
        """Ask all jobs to stop, and wait a while until they have."""
        for job in self.jobs():
            if job.state in ("waiting", "working"):
                self.stop(job.id)
        until = time.monotonic() + PATIENCE_S
        for thread in list(self._threads.values()):
            thread.join(max(0.0, until - time.monotonic()))
        for process in list(self._processes.values()):
            process.kill()
        for thread in list(self._threads.values()):
            thread.join(1.0)

    def wait(self, id: str, seconds: float) -> Job:
        """The job as soon as it has ended, or when so many seconds have passed."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs[id].state in ENDED, seconds)
            return self._jobs[id]

    def _work(self, id: str) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._jobs[id].state != "waiting" or len(self._processes) < self.at_once)
            job = self._jobs[id]
            if job.state != "waiting":
                return
            try:
                process = self._processes[id] = self._begin(job)
            except OSError as error:
                self._said(job, f"limner: could not be started ({error})")
                self._keep(replace(job, state="failed", ended=time.time()))
                self._changed.notify_all()
                return
            self._keep(replace(job, state="working", began=time.time()))
        code = process.wait()
        with self._changed:
            del self._processes[id]
            job = self._jobs[id]
            state: State = "stopped" if job.state == "stopping" else "done" if code == 0 else "failed"
            self._keep(replace(job, state=state, code=code, ended=time.time()))
            self._changed.notify_all()

    def _begin(self, job: Job) -> processes.Process:
        place = self.place(job)
        for name in (PROGRESS, RESULT, SAID):
            (place / name).unlink(missing_ok=True)
        words = [*job.words, "--json"] if job.as_json else list(job.words)
        return self.begin(words, self.folder.root, {WATCHED: str(place / PROGRESS)}, place / RESULT, place / SAID)

    def _said(self, job: Job, line: str) -> None:
        with contextlib.suppress(OSError):
            (self.place(job) / SAID).write_text(line + "\n", encoding="utf-8")

    def _keep(self, job: Job) -> None:
        self._jobs[job.id] = job
        with contextlib.suppress(OSError):  # a full disk shall not keep a job from being stopped
            write_json(self.place(job) / RECORD, {**asdict(job), "words": list(job.words)})

    def told(self, job: Job) -> dict[str, Any]:
        """How far a job is: a line, its share from 0 to 1 where known, and the last lines that it said."""
        said = lines_of(self.place(job) / SAID)
        progress = _progress(self.place(job) / PROGRESS) if job.state in ("working", "stopping") else {}
        total, done = progress.get("total") or 0, progress.get("done") or 0
        line = {"waiting": "waits for another job to end", "stopping": "stops as soon as it can"}.get(job.state, "")
        if job.state == "working":
            line = "begins" if not progress else f"{progress['title']}: {done:,} of {total:,} {progress['unit']}"
            if (left := progress.get("seconds_left")) is not None and done < total:
                line += f", {duration(left)} left"
            if progress.get("note"):
                line += f"; {progress['note']}"
        elif job.state in ENDED:
            line = {"done": "done", "stopped": "stopped", "failed": "did not succeed"}[job.state]
            line += f" after {duration(job.seconds)}"
        return {"line": line, "share": done / total if total else None, "said": said[-LINES:]}

    def result(self, job: Job) -> str:
        """What it printed."""
        path = self.place(job) / RESULT
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def lines_of(path: Path) -> list[str]:
    """The lines of a text file, of a long one those of its end; none where it is not there."""
    if not path.is_file():
        return []
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 20_000))
        return [line for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]


def _progress(path: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, UserError):
        found = read_json(path, "it is written anew")
        if isinstance(found, dict) and {"title", "unit"} <= set(found):
            return found
    return {}


def _read(path: Path) -> Job | None:
    """A job that an earlier studio left; None for what is damaged. What was at work then is not any more."""
    try:
        record = as_record(read_json(path, "remove it"), _Record, str(path), "remove it")
    except (OSError, UserError):
        return None
    state: Any = record.state if record.state in ENDED else "stopped"
    return Job(
        id=path.parent.name, page=record.page, words=tuple(record.words), values=record.values, state=state,
        code=record.code, began=record.began, ended=record.ended or record.began, writes=record.writes,
        as_json=record.as_json,
    )  # fmt: skip
