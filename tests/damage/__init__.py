"""What esim stores and reads back, damaged in many ways: it is noticed, and nothing breaks."""
