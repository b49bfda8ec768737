"""TrainingRun: what a training produced, kept for as long as somebody needs it."""
