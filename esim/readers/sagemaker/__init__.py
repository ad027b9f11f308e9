"""SageMaker tuning jobs: their descriptions, tables and the log text of their training jobs."""
