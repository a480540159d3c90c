# The binary interface is written down when the headers change, and recorded with each release.

abi-layout:
	@CC='$(CC)' tools/abi-record.sh layout

abi-baseline:
	@CC='$(CC)' tools/abi-record.sh baseline

.PHONY: abi-layout abi-baseline
