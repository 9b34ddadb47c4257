"""Recurrent networks in NumPy, by hand, one step at a time.

Each module is generated from the notebook that explains it, and its public names stand here too.
Only what the other modules ask, `checking`, `guard`, `derivatives` and `watching`, is reached through
its module."""

__version__ = "0.1.0"

from .checking import check_shapes
from .notation import *
from .seeded import *
from .files import *
from .rnn.cell import *
from .rnn.forward import *
from .lstm.cell import *
from .lstm.forward import *
from .gradients import *
from .judging import *
from .rnn.backward import *
from .lstm.backward import *
from .jacobians import *
from .memory import *
from .palette import *
from .diagrams import *
from .figures import *
from .plots import *
from .xrays import *
from .errata import *
