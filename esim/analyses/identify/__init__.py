"""Which rule a service ran, told by the jobs that it stopped and those that it let go on."""
