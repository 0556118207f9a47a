"""Served by ``panel serve apps/explore.py --args FOLDER_OR_RUN [MODEL]``: one explorer per session."""

import sys

from galviewer.explorer import explore
from galviewer.explorer.server import leave_a_core

leave_a_core()
explore(*sys.argv[1:3] or ["."]).servable()
