-- A role for each process, with the least that it needs. Run it as an administrator, before `verbatim migrate` (it makes
-- the roles) and after each (it gives them their rights); safe again. Small set-ups need none of it: there, each
-- process takes the role verbatim_service.
--   psql -v ON_ERROR_STOP=1 -f deploy/postgres/roles.sql postgresql://admin@db/verbatim
-- Logins are yours to make, one or more a role (deploy/postgres/logins.sh makes one each):
--   CREATE ROLE command_1 LOGIN PASSWORD '…' IN ROLE verbatim_command; ALTER ROLE command_1 SET role = 'verbatim_command';

BEGIN;

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY[
        'verbatim_service', 'verbatim_migration', 'verbatim_command', 'verbatim_query', 'verbatim_gateway',
        'verbatim_projections', 'verbatim_relay', 'verbatim_compaction', 'verbatim_operator'
    ] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
        -- An administrator who is no superuser gives rights only as a member that has the role's rights. From PostgreSQL 16 on
        -- who makes a role is a member by that, but without its rights.
        IF NOT pg_has_role(current_user, wanted, 'USAGE') THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', wanted);
        END IF;
    END LOOP;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format(
        'GRANT CONNECT ON DATABASE %I TO verbatim_service, verbatim_migration, verbatim_command, verbatim_query,'
        ' verbatim_gateway, verbatim_projections, verbatim_relay, verbatim_compaction, verbatim_operator',
        current_database());
    EXECUTE format('GRANT CREATE ON DATABASE %I TO verbatim_migration', current_database());
    -- `verbatim projections verify` compares by temporary tables.
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO verbatim_projections, verbatim_service', current_database());
END $$;

-- Who takes verbatim_service, takes all but the owner's part: tools of a small set-up go on working.
GRANT verbatim_command, verbatim_query, verbatim_gateway, verbatim_projections, verbatim_relay, verbatim_compaction,
      verbatim_operator TO verbatim_service;

-- The owner of the log's tables. PUBLIC keeps USAGE of the schema: names are no secret.
GRANT CREATE ON SCHEMA public TO verbatim_migration;

CREATE TEMP TABLE rights (roles text[], granted text, object text) ON COMMIT DROP;
INSERT INTO rights VALUES
    ('{command,query,gateway,projections,relay,compaction,operator}', 'SELECT', 'schema_migrations'),
    -- The log: all read it, who appends may also insert and advance the head. Nobody may change or remove.
    ('{command,query,gateway,projections,relay,compaction}', 'SELECT', 'events'),
    ('{command,query,gateway,projections,relay,compaction}', 'SELECT', 'head'),
    ('{command,gateway,compaction}', 'INSERT', 'events'),
    ('{command,gateway,compaction}', 'UPDATE (position)', 'head'),
    ('{command,gateway,compaction}', 'EXECUTE', 'append_batch'),
    -- Idempotency keys. A row lock wants the right to update a column: the one that says when a row ends anyhow.
    ('{command,gateway,compaction}', 'SELECT, INSERT, DELETE', 'idempotency'),
    ('{command,gateway}', 'UPDATE (expires_at)', 'idempotency'),
    ('{command,gateway}', 'SELECT, INSERT, UPDATE, DELETE', 'key_leases'),
    ('{command,gateway,compaction}', 'SELECT, INSERT, UPDATE', 'snapshots'),
    -- API keys: whoever serves HTTP checks them; an operator makes and revokes them.
    ('{command,query,gateway}', 'SELECT (id, workspace, hash, scopes, unlimited, expires_at, revoked_at)', 'api_keys'),
    ('{operator}', 'SELECT, INSERT, UPDATE (revoked_at)', 'api_keys'),
    ('{operator}', 'SELECT', 'key_audit'),
    ('{command,gateway,operator}', 'EXECUTE', 'record_expired_keys'),
    -- The secret that signs cursors, made by the first that asks.
    ('{query,gateway}', 'SELECT, INSERT', 'secrets'),
    ('{query}', 'SELECT (at), INSERT (export_id, action, workspace, kind, subject, format, include_events, position,'
                ' conversations, messages, key_id)', 'export_audit'),
    ('{operator}', 'SELECT', 'export_audit'),
    -- Read models.
    ('{query,gateway}', 'SELECT', 'readmodels.tracking'),
    ('{query,gateway}', 'SELECT', 'readmodels.parked'),
    ('{projections}', 'SELECT, INSERT, UPDATE, DELETE', 'readmodels.tracking'),
    ('{projections}', 'SELECT, INSERT, UPDATE, DELETE', 'readmodels.parked'),
    ('{relay}', 'SELECT, INSERT, UPDATE (position)', 'readmodels.tracking'),
    ('{query,gateway,relay}', 'USAGE', 'schema readmodels'),
    ('{projections}', 'USAGE, CREATE', 'schema readmodels'),
    ('{projections}', 'USAGE, CREATE', 'schema readmodels_rebuild'),
    ('{projections}', 'USAGE, CREATE', 'schema readmodels_verify');

DO $$
DECLARE
    process text;
    each record;
BEGIN
    IF to_regnamespace('readmodels_verify') IS NULL OR to_regclass('snapshots') IS NULL THEN
        RAISE NOTICE 'the roles are there; run this again after `verbatim migrate`, it gives them their rights';
        RETURN;
    END IF;
    -- What an earlier version of this file gave is taken back first: in one transaction nobody sees the gap.
    FOREACH process IN ARRAY '{command,query,gateway,projections,relay,compaction,operator}'::text[] LOOP
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA public FROM %I', 'verbatim_' || process);
        EXECUTE format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM %I', 'verbatim_' || process);
        EXECUTE format('REVOKE ALL ON readmodels.tracking, readmodels.parked FROM %I', 'verbatim_' || process);
        EXECUTE format('REVOKE ALL ON SCHEMA readmodels, readmodels_rebuild, readmodels_verify FROM %I',
                       'verbatim_' || process);
    END LOOP;
    FOR each IN SELECT unnest(roles) AS role, granted, object FROM rights LOOP
        EXECUTE format('GRANT %s ON %s %s TO %I', each.granted,
                       CASE WHEN each.granted = 'EXECUTE' THEN 'FUNCTION' ELSE '' END, each.object,
                       'verbatim_' || each.role);
    END LOOP;
    -- Read models that verbatim_service has made become the projections' own.
    FOR each IN
        SELECT c.oid::regclass AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname IN ('readmodels', 'readmodels_rebuild', 'readmodels_verify') AND c.relkind = 'r'
           AND c.oid NOT IN ('readmodels.tracking'::regclass, 'readmodels.parked'::regclass)
    LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO verbatim_projections', each.name);
        EXECUTE format('GRANT SELECT ON %s TO verbatim_query, verbatim_gateway', each.name);
    END LOOP;
END $$;

-- Tables that projections make later, under every version's name; a rebuilt one is made beside and moved.
ALTER DEFAULT PRIVILEGES FOR ROLE verbatim_projections GRANT SELECT ON TABLES TO verbatim_query, verbatim_gateway;

COMMIT;
