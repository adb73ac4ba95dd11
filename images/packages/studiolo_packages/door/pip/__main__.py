"""`python -m pip`, `%pip`, `!pip`."""

import os
import sys

from studiolo_packages.going_on import main

if __name__ == "__main__":
    main(sys.argv[1:], os.environ)
