-- What happens to an export, for auditors.
INSERT INTO export_audit (export_id, action, workspace, kind, subject, format, include_events, position,
                          conversations, messages, key_id)
VALUES (%(export_id)s, %(action)s, %(workspace)s, %(kind)s, %(subject)s, %(format)s, %(include_events)s, %(position)s,
        %(conversations)s, %(messages)s, %(key_id)s)
RETURNING at
