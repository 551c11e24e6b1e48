"""A few hundred operations; `python -m tests.agreement` goes on."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.agreement.rules import machine
from tests.services.support import Api


def test_the_service_agrees_with_the_model(api: Api) -> None:
    run_state_machine_as_test(
        machine(api),
        settings=settings(
            max_examples=10,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
