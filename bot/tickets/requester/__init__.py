"""Letters of requesters: a ticket opened or joined, the one automatic answer, self-service, the score."""
