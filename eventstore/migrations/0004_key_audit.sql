-- What happened to each API key, for auditors. Triggers write it, so that no program can forget to, and nobody
-- changes it afterwards.

CREATE TABLE key_audit (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    key_id text COLLATE "C" NOT NULL,
    workspace text COLLATE "C" NOT NULL,
    action text COLLATE "C" NOT NULL CHECK (action IN ('created', 'revoked', 'expired')),
    login text NOT NULL DEFAULT session_user
);
CREATE UNIQUE INDEX key_audit_once ON key_audit (key_id, action);
GRANT SELECT ON key_audit TO verbatim_service;

CREATE TRIGGER key_audit_is_for_ever BEFORE UPDATE OR DELETE OR TRUNCATE ON key_audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION record_key() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO key_audit (key_id, workspace, action)
    VALUES (NEW.id, NEW.workspace, CASE TG_OP WHEN 'INSERT' THEN 'created' ELSE 'revoked' END);
    RETURN NULL;
END $$;
CREATE TRIGGER key_created AFTER INSERT ON api_keys FOR EACH ROW EXECUTE FUNCTION record_key();
CREATE TRIGGER key_revoked AFTER UPDATE ON api_keys FOR EACH ROW
    WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION record_key();

-- Expiry is a time that passes, not a command: a process that looks every minute records it.
CREATE FUNCTION record_expired_keys() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    INSERT INTO key_audit (at, key_id, workspace, action)
    SELECT expires_at, id, workspace, 'expired' FROM api_keys
     WHERE expires_at <= now() AND (revoked_at IS NULL OR revoked_at > expires_at)
    ON CONFLICT DO NOTHING
$$;

-- Keys that were made before this table was.
INSERT INTO key_audit (at, key_id, workspace, action)
SELECT created_at, id, workspace, 'created' FROM api_keys
UNION ALL
SELECT revoked_at, id, workspace, 'revoked' FROM api_keys WHERE revoked_at IS NOT NULL
ORDER BY 1;

REVOKE ALL ON FUNCTION record_key, record_expired_keys FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record_expired_keys TO verbatim_service;
