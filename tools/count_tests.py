#!/usr/bin/python3
"""Prints "PASSED FAILED SKIPPED": the test cases of the last `meson test` in a build folder."""

import pathlib
import sys
import xml.etree.ElementTree

# Named after the test set-up, if there is one.
logs = list(pathlib.Path(sys.argv[1], "meson-logs").glob("testlog*.junit.xml"))
try:
    cases = [case for log in logs for case in xml.etree.ElementTree.parse(log).iter("testcase")]
except xml.etree.ElementTree.ParseError:
    cases = []
if not cases:
    print(0, 1, 0)
    sys.exit()
passed = failed = skipped = 0
for case in cases:
    if case.find("failure") is not None or case.find("error") is not None:
        failed += 1
    elif case.find("skipped") is not None:
        skipped += 1
    else:
        passed += 1
print(passed, failed, skipped)
