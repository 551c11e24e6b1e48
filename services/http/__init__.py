"""What every HTTP process shares: keys, errors, decoding, cursors, the description of endpoints."""
