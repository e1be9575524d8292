"""Configuration jobs of the stand-in: how they are made, run inside a POST, and end in every way that is known."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from enum import StrEnum

from .idrac_errors import Refusal
from .idrac_machine import Machine, seconds_of
from .idrac_registry import Value


class Ending(StrEnum):
    """How the next jobs end."""

    COMPLETED = "completed"
    WITH_ERRORS = "with-errors"
    FAILED = "failed"
    STUCK = "stuck"


class When(StrEnum):
    """Apply times that the stand-in takes."""

    ON_RESET = "OnReset"
    WINDOW_START = "AtMaintenanceWindowStart"
    WINDOW_RESET = "InMaintenanceWindowOnReset"


MESSAGES = {
    "JCP000": "A new job is created.",
    "JCP001": "Task successfully scheduled.",
    "JCP004": "Time elapsed - Job Failed.",
    "JCP041": "Unable to successfully run the job because the System Lockdown mode is enabled.",
    "PR19": "Job completed successfully.",
    "PR20": "Job in progress.",
    "PR21": "Job failed.",
    "PR30": "Job processing initialization failure.",
    "PR31": "Job completed with errors.",
}


@dataclass(slots=True)
class Job:
    """One job. Times are lab seconds; `window` is (start, end) of a maintenance window."""

    id: str
    state: str
    message_id: str
    created: float
    kind: str = "BIOSConfiguration"
    name: str = "Configure: BIOS.Setup.1-1"
    percent: int = 0
    started: float | None = None
    ended: float | None = None
    when: When = When.ON_RESET
    window: tuple[float, float] | None = None

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return self.ended is None


@dataclass(slots=True)
class Queue:
    """The job queue of one machine. `ending` says how jobs end from now on."""

    machine: Machine
    jobs: dict[str, Job] = field(default_factory=dict)
    ending: Ending = Ending.COMPLETED
    made: int = 0
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(100_000_000_001))
    _before: dict[str, Value | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.machine.on_post.append(self._post)

    def bios_job(self) -> Job | None:
        """The BIOS job that has not ended, if any."""
        return next((job for job in self.jobs.values() if job.open and job.kind == "BIOSConfiguration"), None)

    def other_job(self) -> Job | None:
        """Another job that has not ended, if any."""
        return next((job for job in self.jobs.values() if job.open and job.kind != "BIOSConfiguration"), None)

    def add_other(self) -> Job:
        """A firmware update that runs until it is deleted from the lab."""
        job = self._new("FirmwareUpdate", "Firmware Update: BIOS")
        job.state, job.message_id, job.started = "Running", "PR20", self.machine.now
        return job

    def _new(self, kind: str, name: str) -> Job:
        job = Job(f"JID_{next(self._numbers)}", "New", "JCP000", self.machine.now, kind, name)
        self.jobs[job.id] = job
        self.made += 1
        return job

    def commit(self, when: When = When.ON_RESET, window: tuple[float, float] | None = None) -> Job:
        """Make the job that applies what is pending. The caller has looked that there may be one."""
        job = self._new("BIOSConfiguration", "Configure: BIOS.Setup.1-1")
        job.when, job.window = when, window
        self.machine.after(self.machine.options.schedule_seconds, lambda: self._schedule(job))
        if window and when is When.WINDOW_START:
            self.machine.at(window[0], lambda: self._window_opens(job))
        elif window:
            self.machine.at(window[1], lambda: self._window_closes(job))
        return job

    def _schedule(self, job: Job) -> None:
        if job.state != "New" or job.id not in self.jobs:
            return
        job.state, job.message_id = "Scheduled", "JCP001"
        if self.ending is Ending.STUCK:
            job.message_id, job.percent = "PR30", 1

    def _window_opens(self, job: Job) -> None:
        if job.id in self.jobs and job.state == "Scheduled" and job.message_id == "JCP001":
            self.machine.start_post()

    def _window_closes(self, job: Job) -> None:
        if job.id in self.jobs and job.open and job.state != "Running":
            self._end(job, "Failed", "JCP004")

    def _post(self) -> None:
        """POST begins: a job that ran is broken off, one that is scheduled runs."""
        job = self.bios_job()
        if job is None:
            return
        if job.state == "Running":
            self._revert()
            self._end(job, "Failed", "PR21")
        elif job.state == "Scheduled" and job.message_id == "JCP001" and self._in_window(job):
            self._run(job)

    def _in_window(self, job: Job) -> bool:
        return job.window is None or job.window[0] <= self.machine.now <= job.window[1]

    def _run(self, job: Job) -> None:
        if self.machine.lockdown:
            self._end(job, "Failed", "JCP041")
            return
        options = self.machine.options
        job.state, job.message_id, job.percent, job.started = "Running", "PR20", 1, self.machine.now
        self._before = dict(self.machine.current)
        if options.early_values:
            self.machine.apply(dict(self.machine.pending))
        self.machine.prolong(options.job_seconds + options.post_seconds)
        self.machine.after(options.job_seconds, lambda: self._finish(job, job.started))

    def _revert(self) -> None:
        self.machine.current = dict(self._before)
        self.machine.revision += 1

    def _finish(self, job: Job, started: float | None) -> None:
        if job.state != "Running" or job.started != started:
            return
        staged = dict(self.machine.pending)
        self._revert()
        match self.ending:
            case Ending.FAILED:
                self._end(job, "Failed", "PR21")
            case Ending.WITH_ERRORS:
                self.machine.apply(dict(itertools.islice(staged.items(), len(staged) // 2)))
                self._end(job, "CompletedWithErrors", "PR31")
            case _:
                self.machine.apply(staged)
                self._end(job, "Completed", "PR19")

    def _end(self, job: Job, state: str, message_id: str) -> None:
        """End a job; whatever its outcome, what it had staged is gone."""
        job.state, job.message_id, job.percent, job.ended = state, message_id, 100, self.machine.now
        self.machine.pending.clear()
        self.machine.revision += 1

    def delete(self, id_: str) -> None:
        """Delete a job; one that has not started takes everything staged with it. Raises Refusal."""
        job = self.jobs.get(id_)
        if job is None:
            raise Refusal("SYS403", args=(id_,))
        if job.state == "Running":
            raise Refusal("RAC0679")
        if job.open:
            self.machine.pending.clear()
            self.machine.revision += 1
        del self.jobs[id_]


def window_of(body: dict[str, object], when: When, now: float) -> tuple[float, float] | None:
    """The maintenance window in `@Redfish.SettingsApplyTime`; raises Refusal for one that is none."""
    if when is When.ON_RESET:
        return None
    start, length = body.get("MaintenanceWindowStartTime"), body.get("MaintenanceWindowDurationInSeconds")
    if not isinstance(start, str):
        raise Refusal("SYS428", args=("MaintenanceWindowStartTime",))
    try:
        begin = seconds_of(start)
    except ValueError:
        raise Refusal("SYS447", args=(start,)) from None
    if begin < now:
        raise Refusal("SYS447", args=(start,))
    if not isinstance(length, int) or length <= 0:
        raise Refusal("SYS448")
    return begin, begin + length
