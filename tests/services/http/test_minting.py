from services.http.minting import AHEAD, Minter


def test_ids_differ_also_beyond_what_is_fetched_at_once():
    minter = Minter()
    made = [minter.hex_id() for _ in range(3 * AHEAD + 1)]
    assert len({name[13:] for name in made}) == len(made)
