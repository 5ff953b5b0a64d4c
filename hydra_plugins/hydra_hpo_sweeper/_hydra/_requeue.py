"""Jobs that their launcher has requeued: they end in this process, but run again.

Private name of submitit, seen in 1.5: ``SignalHandler.checkpoint_and_try_requeue``, which calls ``sys.exit`` when the
job has been put into the queue. Where the name is gone, such a job ends like one that calls ``sys.exit``.
"""

from __future__ import annotations

REQUEUES = "checkpoint_and_try_requeue"


def is_requeued(error: SystemExit) -> bool:
    """Return whether an exit is that of a job which runs again, as the same job."""
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_name == REQUEUES and "submitit" in code.co_filename:
            return True
        trace = trace.tb_next
    return False
