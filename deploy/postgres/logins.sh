#!/bin/sh
# A login for each process's role: deploy/postgres/logins.sh DSN, as an administrator, after roles.sql; safe again.
# Passwords come from the environment: COMMAND_PASSWORD, QUERY_PASSWORD, …; a new one replaces the old.
set -eu

for process in migration command query gateway projections relay compaction operator; do
    name=$(printf '%s_PASSWORD' "$process" | tr '[:lower:]' '[:upper:]')
    eval "password=\${$name:?set $name}"
    # The password travels on standard input: an argument could be seen in the list of processes.
    psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 "$1" <<SQL
SELECT set_config('log_statement', 'none', false) FROM pg_roles WHERE rolname = current_user AND rolsuper \\g /dev/null
SET password_encryption = 'scram-sha-256';
\\set login verbatim_${process}_login
\\set role verbatim_${process}
\\getenv password $name
SELECT format('CREATE ROLE %I LOGIN', :'login') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'login') \\gexec
GRANT :"role" TO :"login";
ALTER ROLE :"login" SET role = :'role';
ALTER ROLE :"login" PASSWORD :'password';
SQL
done
