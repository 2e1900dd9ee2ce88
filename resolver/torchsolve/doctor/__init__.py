"""What is broken: a log, a folder of a plan, an environment, an image or this host, explained."""
