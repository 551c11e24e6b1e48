from tests.services.conftest import api, module_database

__all__ = ["api", "module_database"]
