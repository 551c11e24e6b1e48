from tests.services.conftest import module_database

__all__ = ["module_database"]
