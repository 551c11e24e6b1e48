-- Where read models are built beside the live ones: to be switched in, to be compared.

CREATE SCHEMA readmodels_rebuild;
CREATE SCHEMA readmodels_verify;
GRANT ALL ON SCHEMA readmodels_rebuild, readmodels_verify TO verbatim_service;
