"""TrainingJob: attempts on Ray."""
