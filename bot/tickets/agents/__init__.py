"""Letters of agents: proof, commands, what each command does, the receipt."""
