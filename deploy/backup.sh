#!/bin/sh
# Back up and restore the log: all that cannot be made again.
#   deploy/backup.sh dump FILE DSN      read models and snapshots are left out: they are made again from the log
#   deploy/backup.sh restore FILE DSN   into an empty database, as its owner, on a server that has the role
#                                       verbatim_service (CREATE ROLE verbatim_service NOLOGIN)
# DSN is the owner's login (postgresql://…). pg_dump and pg_restore must be of the server's version: later ones set
# what an older server does not know. PG_BIN names their folder where they are not on the PATH.
set -eu

usage() {
    sed -n '2,7s/^# //p' "$0" >&2
    exit 2
}

[ $# -eq 3 ] || usage
file=$2 dsn=$3
bin=${PG_BIN:+$PG_BIN/}

case $1 in
dump)
    # One snapshot: the head row and the events belong together. Written beside, then renamed: never half a file.
    "${bin}pg_dump" --format=custom --compress=6 --no-owner --exclude-table-data='readmodels*.*' \
        --exclude-table-data='*.snapshots' \
        --exclude-table='readmodels.*_v[0-9]*' --exclude-table='readmodels_rebuild.*' --exclude-table='readmodels_verify.*' \
        --file="$file.part" "$dsn"
    mv "$file.part" "$file"
    ;;
restore)
    "${bin}pg_restore" --no-owner --single-transaction --exit-on-error --dbname="$dsn" "$file"
    ;;
*) usage ;;
esac
