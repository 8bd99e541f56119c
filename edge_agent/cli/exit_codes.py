"""Exit codes, those of sysexits.h that apply."""

OK = 0
USAGE = 64
BAD_DATA = 65
UNAVAILABLE = 69
TRY_AGAIN = 75
REFUSED = 77
CONFIGURATION = 78
INTERRUPTED = 130
