"""Runs: one galaxy at the desk, or a folder into a run directory. Looking at a run needs no torch.

single      galaxies in, fits out; the workbench of explorer and notebooks
batches     one model, galaxies of any shapes: batches, and a net under them
settings    what a run is asked to do, and what must stay the same on resumption
planning    which galaxies are fitted together
execution   begin or resume a run
work        read, fit and write at the same time
reading     files to galaxies with start values, ahead of the fit
memory      freed memory stays in the process while a batch is fitted
uncertainties  bootstrap, posterior, evidence, systematic errors of finished fits
calibration simulated galaxies that tell whether errors hold
half_light  half-light radii of profiles without a closed form
stopping    Ctrl-C and the file ``cancel``
directory   the files of a run, the lock
events      what happened, line by line
view        a run as seen by a reader
"""

from galviewer.run.directory import RunDirectory
from galviewer.run.events import EventLog, read_events
from galviewer.run.execution import execute, resume, stored_settings
from galviewer.run.planning import Plan, make_plan
from galviewer.run.settings import RunSettings
from galviewer.run.stopping import Stop
from galviewer.run.view import RunView, is_run
from galviewer.run.view import open_run as open
from galviewer.run.work import RunSummary

__all__ = [
    "EventLog",
    "Plan",
    "RunDirectory",
    "RunSettings",
    "RunSummary",
    "RunView",
    "Stop",
    "execute",
    "is_run",
    "make_plan",
    "open",
    "read_events",
    "resume",
    "stored_settings",
]
