#!/bin/sh
# A random password for each login of deploy/compose.yaml: deploy/secrets.sh >deploy/.env
set -eu
umask 077

for name in POSTGRES MIGRATION COMMAND QUERY GATEWAY PROJECTIONS RELAY COMPACTION OPERATOR RELAY_NATS COMPACTION_NATS; do
    printf '%s_PASSWORD=%s\n' "$name" "$(od -An -tx1 -N24 /dev/urandom | tr -d ' \n')"
done
