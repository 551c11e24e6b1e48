"""`python -m tests.agreement [--histories N] [--steps N] [--seed K]`: as many operations as there is time for.

A disagreement is shown as the shortest history that Hypothesis finds for it, with the seed to repeat it.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import hypothesis
from hypothesis import HealthCheck
from hypothesis.stateful import run_state_machine_as_test

from bench.support import machine as this_machine
from bench.support import tell
from tests.agreement.rules import Rules, machine
from tests.standalone import running_service

ROUND = 50
"""Histories between two lines of progress."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=1_000)
    parser.add_argument("--steps", type=int, default=50, help="operations of a history at most")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = time.monotonic()
    done = operations = 0
    with tempfile.TemporaryDirectory(prefix="verbatim-agreement-") as path:
        Path(path).chmod(0o755)
        with running_service(Path(path)) as api:
            while done < given.histories:
                seed = given.seed + done // ROUND
                made: type[Rules] = machine(api)
                try:
                    run_state_machine_as_test(
                        hypothesis.seed(seed)(made),
                        settings=hypothesis.settings(
                            max_examples=min(ROUND, given.histories - done),
                            stateful_step_count=given.steps,
                            deadline=None,
                            database=None,
                            suppress_health_check=list(HealthCheck),
                        ),
                    )
                except Exception:
                    again = f"--seed {seed} --histories {ROUND} --steps {given.steps}"
                    print(f"DISAGREES; again: python -m tests.agreement {again}", file=sys.stderr)
                    raise
                done += min(ROUND, given.histories - done)
                operations += made.operations
                tell(f"{done:,} histories, {operations:,} operations, log at {api.head():,}")
            events = api.head()
    minutes = (time.monotonic() - began) / 60
    print(f"`python -m tests.agreement --histories {given.histories}`: {this_machine()}")
    print(f"{done:,} histories, {operations:,} operations, {events:,} events: 0 disagreements,")
    print(f"{minutes:.1f} minutes.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
