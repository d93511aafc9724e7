#!/usr/bin/python3
"""Prints "PASSED FAILED SKIPPED": the test cases of the last `meson test` in a build folder."""

import sys
import xml.etree.ElementTree

try:
    log = xml.etree.ElementTree.parse(f"{sys.argv[1]}/meson-logs/testlog.junit.xml")
except (OSError, xml.etree.ElementTree.ParseError):
    print(0, 1, 0)
    sys.exit()
passed = failed = skipped = 0
for case in log.getroot().iter("testcase"):
    if case.find("failure") is not None or case.find("error") is not None:
        failed += 1
    elif case.find("skipped") is not None:
        skipped += 1
    else:
        passed += 1
print(passed, failed, skipped)
