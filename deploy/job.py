"""Runs a command as a Ray job and follows it: `python deploy/job.py ADDRESS ID CPUS COMMAND...`, in the project.

`ray job submit` gives up, with a traceback, when a busy cluster is late with one answer, and then a job that runs is
stopped. This asks again for `HELEN_JOB_SECONDS` (120). The exit code is 0; or, with one sentence, 1 for a job that
failed and 3 for a cluster that did not take it or answers no more.
"""

import os
import shlex
import sys
import time
from collections.abc import Callable
from typing import Final, NoReturn, TypeVar

from ray.exceptions import RayError
from ray.job_submission import JobStatus, JobSubmissionClient

PAUSE_S: Final = 1.0
WAITING_S: Final = 10.0  # for a place in the cluster, before that is said
# What a cluster that is busy or still starting causes: no connection, a late answer, a 5xx.
PASSING: Final = (OSError, RuntimeError)
CLUSTER_FAILED: Final = 3
Answer = TypeVar("Answer")


def give_up(sentence: str) -> NoReturn:
    """End with the exit code for a cluster that failed."""
    sys.stderr.write(f"{sentence}\n")
    raise SystemExit(CLUSTER_FAILED)


def last_line(error: BaseException) -> str:
    """The line of an error that says what it is; Ray's messages hold the server's traceback before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip(" .'\"")]
    return lines[-1] if lines else type(error).__name__


def ask(what: str, question: Callable[[], Answer], startup_timeout_s: float) -> Answer:
    """Put a question to the cluster until it is answered.

    Raises:
        SystemExit: it was not within ``startup_timeout_s``, or can't be.
    """
    deadline = time.monotonic() + startup_timeout_s
    while True:
        try:
            return question()
        except PASSING as error:
            if time.monotonic() > deadline:
                give_up(f"The cluster {what} for {startup_timeout_s:g} s: {last_line(error)}")
        except (ValueError, RayError) as error:  # such as a folder that is too large, or a wrong token
            give_up(f"The cluster {what}: {last_line(error)}")
        time.sleep(PAUSE_S)


def reason(message: str | None) -> str:
    """Why a job ended, on one line, without the log that has been printed already."""
    first = (message or "no reason given").splitlines()[0]
    return first.partition(", last available logs")[0]


def submit(client: JobSubmissionClient, job: str, cpus: float, command: list[str]) -> None:
    """Hand the job to the cluster; one that it has already, since only the answer was lost, is fine."""
    try:
        client.submit_job(
            entrypoint=shlex.join(command),
            submission_id=job,
            entrypoint_num_cpus=cpus,
            runtime_env={"working_dir": "."},
        )
    except RuntimeError as error:
        if "already exists" not in str(error):
            raise


def follow(client: JobSubmissionClient, job: str, cpus: float, startup_timeout_s: float) -> JobStatus:
    """Print the job's log as it grows, until it has ended; gives how."""
    printed, began_s, told, running = 0, time.monotonic(), False, False
    while True:
        # The status first: what a job has logged when it has ended is all.
        status = ask("did not say how the job is", lambda: client.get_job_status(job), startup_timeout_s)
        log = ask("did not give the job's log", lambda: client.get_job_logs(job), startup_timeout_s)
        if status == JobStatus.PENDING and not told and time.monotonic() - began_s > WAITING_S:
            told = True
            sys.stderr.write(f"Job {job} waits: no {cpus:g} CPUs of the cluster are free, or it has fewer\n")
        if status == JobStatus.RUNNING and not running:
            running = True
            sys.stdout.write(f"Job {job} runs\n")
        sys.stdout.write(log[printed:])
        sys.stdout.flush()
        printed = max(printed, len(log))
        if status.is_terminal():
            return status
        time.sleep(PAUSE_S)


def main(address: str, job: str, cpus: str, *command: str) -> None:
    """Run a command as the job ``job`` of the cluster at ``address``."""
    startup_timeout_s = float(os.environ.get("HELEN_JOB_SECONDS", "120"))
    client = ask("did not answer", lambda: JobSubmissionClient(address), startup_timeout_s)
    ask("did not take the job", lambda: submit(client, job, float(cpus), list(command)), startup_timeout_s)
    sys.stdout.write(f"Job {job} is at {address}\n")
    status = follow(client, job, float(cpus), startup_timeout_s)
    if status != JobStatus.SUCCEEDED:
        info = ask("did not say why the job ended", lambda: client.get_job_info(job), startup_timeout_s)
        raise SystemExit(f"The job {status.lower()}: {reason(info.message)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
