"""What classes share whose engine runs in this process."""
