"""Two nodes on one machine: network namespaces, a veth wire, a podwarp process a node.

Needs root, and nothing beyond Python's standard library and the Debian packages of tools/deps.
"""
