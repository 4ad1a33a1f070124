#!/usr/bin/env python3
"""The short form of soak.py: some thirty kills under load."""
import sys

from house import finish
from soak import main

main(["--kills", "15" if "--quick" in sys.argv else "30", "--pause", "0.5"])
finish()
