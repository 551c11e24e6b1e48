-- Nobody else appends until this transaction ends. The plan of what is looked up then must not depend on how small the log was.
BEGIN; SELECT position FROM head FOR UPDATE; SET LOCAL enable_seqscan = off
