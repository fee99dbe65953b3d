"""What the workflow's scripts call: one function a job."""
