"""Train, valid and test splits that share no prompt."""
