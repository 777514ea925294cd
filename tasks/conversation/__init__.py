"""What is said in a conversation: the agent, its memory, orders and follow-ups."""
