"""HTTP for writes. One append goes through four files: routes, handle, domain/decide, eventstore/writer."""
