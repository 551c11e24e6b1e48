-- Who exported what, for auditors: a row when an export begins and one when it ends, and nobody changes them afterwards.

CREATE TABLE export_audit (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    export_id text COLLATE "C" NOT NULL, -- the same in both rows; of an export over HTTP, its request id
    action text COLLATE "C" NOT NULL CHECK (action IN ('started', 'finished', 'broken off')),
    workspace text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('conversation', 'user', 'workspace')),
    subject text COLLATE "C" NOT NULL, -- the conversation's, the user's, the workspace's name
    format text COLLATE "C" NOT NULL,
    include_events boolean NOT NULL,
    position bigint NOT NULL,
    conversations bigint NOT NULL DEFAULT 0, -- handed out so far, as the messages
    messages bigint NOT NULL DEFAULT 0,
    key_id text COLLATE "C", -- null for an export straight from the database: see the login
    login text NOT NULL DEFAULT session_user
);
CREATE INDEX export_audit_subject ON export_audit (workspace, kind, subject);
GRANT SELECT ON export_audit TO verbatim_service;
-- Not the number, not the time, not the login: those are the server's to say.
GRANT INSERT (export_id, action, workspace, kind, subject, format, include_events, position, conversations,
              messages, key_id) ON export_audit TO verbatim_service;

CREATE TRIGGER export_audit_is_for_ever BEFORE UPDATE OR DELETE OR TRUNCATE ON export_audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
