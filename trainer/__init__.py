"""The trainer: from recordings to bundle. TensorFlow is imported by the steps that need it."""
