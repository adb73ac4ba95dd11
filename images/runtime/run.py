"""Starts a packaged model: `python3 -P run.py train|batch_predict|serve [options]`. Standard library only."""

import sys
from pathlib import Path

# In front: a folder of the model's may have a module of the same name.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from studiolo_runner.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
