"""What a person looks into a take with: stepping through it, asking why, and telling two takes apart."""
