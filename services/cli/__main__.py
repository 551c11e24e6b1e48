"""`python -m services.cli`, and what `verbatim` runs."""

from services.cli import interrupts


def main() -> None:
    """Exits, with a code."""
    interrupts.quietly()
    # Only now: this is what takes long.
    from services.cli.main import main as run  # noqa: PLC0415

    run()


if __name__ == "__main__":
    main()
